"""A real Slurm of one machine, in a folder of its own: munged, slurmctld and one slurmd on the loopback interface.

Nothing outside the folder is read or written, the ports are free ones, and all that belongs to it ends with `stop`,
so that it runs beside any other Slurm. There is no accounting, as on many small clusters. The GPUs are device nodes
without a device, which Slurm counts and hands out like real ones; making them needs root.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
GPUS = 2
CPUS = 4

# Cores and memory are what the tests need, not what the machine has (config_overrides). Memory is watched by Slurm
# itself rather than by cgroups, which not every container grants. KillWait: seconds from SIGTERM to SIGKILL. MinJobAge:
# how long finished jobs are remembered. Jobs in `urgent` preempt those in the other partitions, which are queued again.
SLURM_CONF = """
ClusterName=tests
SlurmctldHost=localhost
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MailProg=/bin/true
MpiDefault=none
SwitchType=switch/none
TaskPlugin=task/none
ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
GresTypes=gpu
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_min_interval=0
ReturnToService=2
MessageTimeout=30
MinJobAge=3600
KillWait=20
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=node NodeHostname=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes=node Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=node MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=node MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF
"""


def why_not() -> str | None:
    """What keeps a cluster from running here, if anything does."""
    missing = [name for name in PROGRAMS if not shutil.which(name, path=_with_sbin(os.environ["PATH"]))]
    if missing:
        return f"Slurm is not installed: no {', '.join(missing)}"
    if os.geteuid() != 0:
        return "a Slurm of one's own with GPUs needs root"
    return None


def wait_until(met: Callable[[], object], what: str, seconds: float = 120) -> object:
    """The first true answer of `met`. The limit is for what will never happen, not for what is slow."""
    end = time.monotonic() + seconds
    while not (answer := met()):
        assert time.monotonic() < end, f"waited {seconds} seconds in vain for {what}"
        time.sleep(0.1)
    return answer


class Cluster:
    """`environment` is what Slurm's commands, and Snakemake, need to talk to it; `jobs` is what Slurm knows of jobs."""

    def __init__(self, folder: Path):
        # A socket's path has at most 107 characters, so the folder's must be short; jobs look into it.
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen] = {}
        self._write_configuration()
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_", "SRUN_"))}
        path = f"{folder}/bin:{_with_sbin(os.environ['PATH'])}"
        self.environment = clean | {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": path}

    def _write_configuration(self) -> None:
        folder = self.folder
        folder.chmod(0o755)
        for name in ("state", "spool", "bin"):
            (folder / name).mkdir()
        (folder / "munge.key").write_bytes(os.urandom(64))
        (folder / "munge.key").chmod(0o600)
        for number in range(GPUS):
            os.mknod(folder / f"gpu{number}", 0o020666, os.makedev(1, 3))
        (folder / "gres.conf").write_text(f"NodeName=node Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n")
        controller_port, node_port = _free_ports(2)
        configuration = SLURM_CONF.format(
            folder=folder, controller_port=controller_port, node_port=node_port, cpus=CPUS, gpus=GPUS
        )
        (folder / "slurm.conf").write_text(configuration)
        # Snakemake's job step drops SLURM_CONF before it calls srun; on a real cluster the file is where srun looks.
        srun = folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)

    def start(self) -> None:
        folder = self.folder
        sock = f"{folder}/munge.socket"
        self._launch(
            "munged", "--foreground", f"--key-file={folder}/munge.key", f"--socket={sock}", "--num-threads=2",
            f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed",
        )  # fmt: skip
        self._wait(lambda: self._succeeds("munge", "--no-input", "--socket", sock), "munged")
        self._launch("slurmctld", "-D", "-f", f"{folder}/slurm.conf")
        self._launch("slurmd", "-D", "-f", f"{folder}/slurm.conf", "-N", "node")
        self._wait(lambda: self._idle(), "the node")

    def _launch(self, name: str, *arguments: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen(
                [name, *arguments], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True, preexec_fn=_end_with_the_tests,
            )  # fmt: skip

    def _wait(self, met: Callable[[], bool], what: str) -> None:
        def ready() -> bool:
            dead = [name for name, process in self.daemons.items() if process.poll() is not None]
            assert not dead, f"{dead[0]} ended: " + self._tail(dead[0])
            return met()

        wait_until(ready, f"{what}; logs in {self.folder}", 60)

    def _tail(self, name: str) -> str:
        return "".join((self.folder / f"{name}.{kind}").read_text()[-2000:] for kind in ("out", "log"))

    def _idle(self) -> bool:
        return set(self.ask("sinfo", "--noheader", "--Node", "--format=%T", check=False).split()) == {"idle"}

    def _succeeds(self, *command: str) -> bool:
        return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode == 0

    def ask(self, *command: str, check: bool = True) -> str:
        """The output of one of Slurm's commands."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=120)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def jobs(self, *states: str) -> list[dict[str, str]]:
        """All that Slurm knows of each job, in the order of submission; of those in the given states only, if any."""
        lines = self.ask("scontrol", "--oneliner", "show", "job", check=False).splitlines()
        jobs = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if line.startswith("JobId=")]
        return sorted(
            (job for job in jobs if not states or job["JobState"] in states), key=lambda job: int(job["JobId"])
        )

    def processes(self) -> list[int]:
        """Every process of every job, parents first: all below a slurmstepd that has our configuration."""
        mark = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        parents, roots = {}, []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if (entry / "cmdline").read_bytes().startswith(b"slurmstepd") and mark in (
                    entry / "environ"
                ).read_bytes():
                    roots.append(int(entry.name))
            except OSError:
                continue
        found = []
        while roots:
            found.append(root := roots.pop(0))
            roots += [process for process, parent in parents.items() if parent == root]
        return found

    def stage(self, *words: str) -> int | None:
        """The process of the stage whose command line has these words, if it runs."""
        for process in reversed(self.processes()):
            try:
                command = Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if "-m" in command[:3] and all(any(word in part for part in command) for word in words):
                return process
        return None

    def stop(self) -> None:
        """End the jobs, then the daemons, then what is left of the jobs."""
        if "slurmctld" in self.daemons:
            self._succeeds("scancel", "--user=root")
            self._succeeds("scancel", "--user=root", "--signal=KILL")
        for name in ("slurmd", "slurmctld"):
            self._end(name)
        for process in self.processes():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._end("munged")

    def _end(self, name: str) -> None:
        process = self.daemons.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _with_sbin(path: str) -> str:
    return f"{path}:/usr/sbin:/sbin"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _end_with_the_tests() -> None:
    """In a daemon's process: be killed when the tests are, however they end (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
