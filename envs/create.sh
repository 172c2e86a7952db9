#!/bin/sh
# Makes .venv: a private environment of what is locked, and of nothing else. `make env` calls this; you may without make.
# Usage: sh envs/create.sh [cuda|cpu]    PYTHON=/path/to/python names the interpreter; else the first that suits is taken.
set -eu
unset CDPATH
cd "$(dirname "$0")/.."

stop() {
    echo "envs/create.sh: $*" >&2
    exit 1
}

# .installed is a copy of the locks by which .venv was made, written last: without it .venv is not whole.
has=
if [ -f .venv/.installed ]; then
    has=cuda
    if grep -q '^torch==.*+cpu' .venv/.installed; then has=cpu; fi
fi
torch=${1:-${has:-cuda}}
case $torch in # MB to fetch and on the disk: measured with CUDA, estimated without
    cuda) locks=requirements.lock fetched=3300 installed=6400 ;;
    cpu) locks="requirements-cpu.lock requirements-cpu-torch.lock" fetched=600 installed=1600 ;;
    *) stop "TORCH=$torch is neither cuda nor cpu, which is without NVIDIA's libraries" ;;
esac

# It must also work where it is: not in a folder that was moved, nor without the Python that made it.
whole=no
if [ "$has" = "$torch" ] && [ -x "$(sed -n '1s/^#!//p' .venv/bin/pip)" ] && .venv/bin/python -I -c ''; then
    whole=yes
fi 2>/dev/null
# shellcheck disable=SC2086  # these names have no blanks
if [ $whole = yes ] && cat $locks | cmp -s - .venv/.installed; then
    exit 0
fi

# The machine.
elsewhere="elsewhere \`pip install '.[workflow]'\` takes what pip chooses, which was not tried"
machine=$(uname -sm)
[ "$machine" = "Linux x86_64" ] || stop "what is locked is for x86-64 Linux, and this is $machine; $elsewhere"
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || stop "what is locked is for glibc, and this Linux has another C library; $elsewhere"
echo "$glibc" | awk '{ split($2, part, "."); exit !(part[1] > 2 || part[2] >= 28) }' ||
    stop "what is locked needs glibc 2.28 or later (Debian 10, Ubuntu 20.04, RHEL 8), and this Linux has $glibc; $elsewhere"

# Python: the interpreter itself, which is not in an environment, or what is wrong with it.
suits='
import sys
def wrong(why):
    print(why)
    sys.exit(1)
version = "%d.%d" % sys.version_info[:2]
debian = "on Debian 12: apt install python3.11-venv; or name another Python with PYTHON=/path/to/python"
if version not in ("3.11", "3.12", "3.13"):
    wrong("is Python " + version + "; 3.11, 3.12 or 3.13 is needed; " + debian)
import importlib.util, struct, sysconfig
if sys.implementation.name != "cpython" or struct.calcsize("P") != 8 or sysconfig.get_config_var("Py_GIL_DISABLED"):
    wrong("is not the usual CPython of 64 bits; " + debian)
for module in ("venv", "ensurepip"):
    if importlib.util.find_spec(module) is None:
        wrong("has no module " + module + "; on Debian and Ubuntu: apt install python" + version + "-venv")
for module in ("bz2", "ctypes", "lzma", "sqlite3", "ssl", "zlib"):
    try:
        importlib.import_module(module)
    except ImportError:
        wrong("was built without the module " + module + "; " + debian)
print(sys._base_executable)
'
python=
wrong=
for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3; do
    if said=$("$candidate" -E -c "$suits" 2>/dev/null); then
        python=$said
        break
    fi
    if [ -z "$wrong" ] && [ -n "$said" ]; then wrong="$candidate $said"; fi
    if [ -n "${PYTHON:-}" ]; then
        wrong=${wrong:-"PYTHON=$PYTHON does not run"}
        break
    fi
done
hint="on Debian 12: apt install python3.11-venv; or name another with PYTHON=/path/to/python"
[ -n "$python" ] || stop "${wrong:-"there is no Python 3.11, 3.12 or 3.13; $hint"}"

# The disks: pip fetches to the temporary folder and keeps a copy in its cache.
space() {
    folder=$1
    while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
    df -Pk "$folder" | awk -v needed="$2" 'NR == 2 { free = int($4 / 1024); sub(/.*% +/, ""); print free, needed, $0 }'
}
cache=${PIP_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/pip}
place=$(readlink -m .venv) # a user may keep it elsewhere by a link
if [ $whole = no ]; then
    short=$({
        space "$place" $installed
        space "${TMPDIR:-/tmp}" $fetched
        if [ -z "${PIP_NO_CACHE_DIR:-}" ]; then space "$cache" $fetched; fi
    } | awk '{ disk = $0; sub(/^[0-9]+ [0-9]+ /, "", disk); free[disk] = $1; needed[disk] += $2 }
        END { for (disk in free) if (free[disk] < needed[disk]) print needed[disk] " MB on " disk ", which has " free[disk] }')
    [ -z "$short" ] || stop "the disk is too small: it takes $short (.venv $installed, TMPDIR $fetched for a while," \
        "pip's cache $fetched, which PIP_NO_CACHE_DIR=1 saves)"
    echo "Making .venv with $python: $fetched MB to fetch, $installed MB on the disk, some minutes"
fi

# What is whole is brought up to date; anything else is made anew.
rm -f .venv/.installed
if [ $whole = no ]; then
    said=$("$python" -I -m venv --clear "$place" 2>&1) ||
        stop "no environment can be made in $place: $(echo "$said" | tail -n 1)"
fi

# What is locked, and only that: nothing is resolved. What is no wheel is built with the locked setuptools.
pip() {
    LC_ALL=C.UTF-8 .venv/bin/python -I -m pip --disable-pip-version-check "$@" # without the modules that PYTHONPATH names
}
install() {
    said=$(pip install --quiet --no-user --no-deps --no-build-isolation "$@" 2>&1) || explain
}
explain() {
    { echo "$said" >.venv/pip.log; } 2>/dev/null || true # a full disk takes less
    case $said in
        *"[Errno 28]"* | *"[Errno 122]"*) why="the disk or your quota is full; make space" ;;
        *"DO NOT MATCH THE HASHES"*) why="a file is not the one that was locked; look at your package index" ;;
        *"after connection broken by"* | *"Max retries"* | *"timed out"*)
            why="no package index can be reached; look at the network, at HTTPS_PROXY or at your index (pip config list)" ;;
        *"ERROR: "*) why="pip says: $(echo "$said" | sed -n 's/^ERROR: //p' | head -n 1)" ;;
        *) why="pip says: $(echo "$said" | tail -n 1)" ;;
    esac
    stop "$why, then run this again; all that pip said is in .venv/pip.log"
}
# shellcheck disable=SC2086
awk '/^[a-z0-9]/ { build = /^setuptools==/ } build' ${locks%% *} >.venv/build.lock
if [ -s .venv/build.lock ]; then install --require-hashes -r .venv/build.lock; fi
install --require-hashes -r ${locks%% *}
if [ "$torch" = cpu ]; then install -r requirements-cpu-torch.lock; fi
said=$(pip check) || stop "what is locked does not go together: $(echo "$said" | head -n 1); run this again to make .venv anew"
# shellcheck disable=SC2086
cat $locks >.venv/.complete
mv .venv/.complete .venv/.installed
