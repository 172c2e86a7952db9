"""The training loop: deterministic, resumable, with the best epoch by validation loss."""

import importlib
import itertools
import math
import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from red_herring.data.dataset import Dataset
from red_herring.methods import base
from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.training import checkpoint
from red_herring.training import fit as module
from red_herring.training.fit import Diverged, Recipe

WORKFLOW = ROOT / "workflow"
METHODS = {
    "classification": {"lr": 1e-3},
    "masked": {"lr": 1e-3},
    "actdiff": {"lr": 1e-3, "lambda": 0.1},
    "adversarial": {"lr": 1e-3, "lambda": 0.1, "discriminator_steps": 2, "discriminator_lr": 1e-3},
    "gradmask": {"lr": 1e-3, "lambda": 0.1},
    "rrr": {"lr": 1e-3, "lambda": 0.1},
}


def recipe(**changes):
    return Recipe(
        **({"width": 1, "epochs": 3, "batch_size": 8, "burn_in": 0, "patience": None, "compile": False} | changes)
    )


def fit(method, hyperparameters, options, train, valid, chosen, seed, *resume, precision="float32"):
    hardware = Hardware(torch.device("cpu"), precision)
    return module.fit(method, hyperparameters, options, train, valid, chosen, seed, hardware, *resume)


def same(a, b):
    weights = zip(a.model.state_dict().items(), b.model.state_dict().items(), strict=True)
    return (
        a.history == b.history and a.best_epoch == b.best_epoch and all(torch.equal(x, y) for (_, x), (_, y) in weights)
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_twice_is_the_same_to_the_bit(tiny_data, method):
    runs = [
        fit(method, METHODS[method], {}, tiny_data(20), tiny_data(10, seed=1), recipe(epochs=2), 7) for _ in range(2)
    ]
    assert same(*runs)
    other = fit(method, METHODS[method], {}, tiny_data(20), tiny_data(10, seed=1), recipe(epochs=2), 8)
    assert runs[0].history != other.history


@pytest.mark.parametrize("method", METHODS)
def test_interrupted_anywhere_it_ends_as_if_it_had_not_been(tiny_data, method, tmp_path, monkeypatch):
    """Killed before its third and its seventh batch of 3 a epoch; the second kill loses a batch, not what was saved."""
    data = tiny_data(20), tiny_data(10, seed=1)
    whole = fit(method, METHODS[method], {}, *data, recipe(), 7)
    batches = Dataset.batches

    def killed_before(number):
        seen = itertools.count(1)

        def some(self, *arguments):
            for batch in batches(self, *arguments):
                if self is data[0] and next(seen) == number:
                    raise KeyboardInterrupt
                yield batch

        return some

    for number in (3, 7):
        monkeypatch.setattr(Dataset, "batches", killed_before(number))
        with pytest.raises(KeyboardInterrupt):
            fit(method, METHODS[method], {}, *data, recipe(), 7, tmp_path, "same")
    monkeypatch.setattr(Dataset, "batches", batches)
    assert same(whole, fit(method, METHODS[method], {}, *data, recipe(), 7, tmp_path, "same"))


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("listening")
def test_told_to_stop_it_keeps_every_batch(tiny_data, method, tmp_path, monkeypatch):
    """SIGTERM in the middle of the second batch of each epoch: that batch is done whole, saved and not done again."""
    data = tiny_data(20), tiny_data(10, seed=1)
    whole = fit(method, METHODS[method], {}, *data, recipe(), 7)
    method_class = importlib.import_module(f"red_herring.methods.{method}").Method
    update, done = method_class.update, []

    def stopped_midway(self, *arguments):
        done.append(1)
        if len(done) % 3 == 2:
            send(signal.SIGTERM)
        return update(self, *arguments)

    monkeypatch.setattr(method_class, "update", stopped_midway)
    for epoch in range(3):
        interrupt.listen()
        with pytest.raises(interrupt.Interrupted, match="SIGTERM"):
            fit(method, METHODS[method], {}, *data, recipe(), 7, tmp_path, "same")
        assert checkpoint.load_latest(tmp_path, "same")[0] == (epoch, 2)
    assert same(whole, fit(method, METHODS[method], {}, *data, recipe(), 7, tmp_path, "same"))
    assert len(done) == 9, "three batches an epoch, none of them twice"


@pytest.mark.usefixtures("listening")
def test_told_to_stop_while_validating_it_trains_no_batch_again(tiny_data, tmp_path, monkeypatch):
    data = tiny_data(20), tiny_data(10, seed=1)
    whole = fit("rrr", METHODS["rrr"], {}, *data, recipe(), 7)
    predict = module.predict
    monkeypatch.setattr(module, "predict", lambda *_: send(signal.SIGTERM))
    with pytest.raises(interrupt.Interrupted):
        fit("rrr", METHODS["rrr"], {}, *data, recipe(), 7, tmp_path, "same")
    assert checkpoint.load_latest(tmp_path, "same")[0] == (0, 3)
    monkeypatch.setattr(module, "predict", predict)
    assert same(whole, fit("rrr", METHODS["rrr"], {}, *data, recipe(), 7, tmp_path, "same"))


@pytest.fixture
def interrupted(tiny_data, tmp_path):
    """A run of two epochs whose checkpoints are still there, and what three epochs give without interruption."""
    data = tiny_data(20), tiny_data(10, seed=1)
    fit("actdiff", METHODS["actdiff"], {}, *data, recipe(epochs=2), 7, tmp_path, "same")
    whole = fit("actdiff", METHODS["actdiff"], {}, *data, recipe(), 7)
    return data, tmp_path, whole


def spoil_by_cutting(file):
    file.write_bytes(file.read_bytes()[:-100])


def spoil_by_one_bit(file):
    content = bytearray(file.read_bytes())
    content[-50] ^= 1
    file.write_bytes(bytes(content))


@pytest.mark.parametrize("spoil", [spoil_by_cutting, spoil_by_one_bit, lambda file: file.write_bytes(b"")])
@pytest.mark.parametrize("suffix", ["safetensors", "json"])
@pytest.mark.parametrize("how_many", [1, 2])
def test_a_corrupt_checkpoint_falls_back_and_says_so(interrupted, caplog, spoil, suffix, how_many):
    data, folder, whole = interrupted
    if suffix == "json" and spoil is spoil_by_one_bit:
        spoil = spoil_by_cutting
    for file in sorted(folder.glob(f"*.{suffix}"), reverse=True)[:how_many]:
        spoil(file)
    again = fit("actdiff", METHODS["actdiff"], {}, *data, recipe(), 7, folder, "same")
    assert same(whole, again)
    assert "corrupt checkpoint" in caplog.text


def test_a_checkpoint_of_other_settings_is_not_used(interrupted, caplog):
    data, folder, whole = interrupted
    assert same(whole, fit("actdiff", METHODS["actdiff"], {}, *data, recipe(), 7, folder, "other"))
    assert "other settings" in caplog.text


def test_checkpoints_of_other_settings_give_way(interrupted, monkeypatch):
    """A run with new settings, interrupted in turn, continues from its own state, not from the start."""
    data, folder, _ = interrupted
    fit("actdiff", METHODS["actdiff"], {}, *data, recipe(epochs=1), 7, folder, "other")
    assert checkpoint.load_latest(folder, "other")[0] == (1, 0)
    assert checkpoint.load_latest(folder, "same") is None


def test_only_two_checkpoints_are_kept(tiny_data, tmp_path):
    fit("classification", {"lr": 1e-3}, {}, tiny_data(16), tiny_data(8), recipe(epochs=4), 7, tmp_path, "same")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "epoch=00003,batch=0000000.json", "epoch=00003,batch=0000000.safetensors",
        "epoch=00004,batch=0000000.json", "epoch=00004,batch=0000000.safetensors",
    ]  # fmt: skip


def test_checkpoints_keep_nested_state(tmp_path):
    state = {"a": [{"b": torch.arange(3)}, 1.5, None], 7: {"c": torch.ones(())}, "flags": [True, "x"]}
    checkpoint.save(tmp_path, (3, 5), state, "f")
    position, found = checkpoint.load_latest(tmp_path, "f")
    assert position == (3, 5)
    assert torch.equal(found["a"][0]["b"], torch.arange(3))
    assert found["a"][1:] == [1.5, None]
    assert found[7]["c"].shape == ()
    assert found["flags"] == [True, "x"]


def losses_of(monkeypatch, values):
    """Let the validation losses be these, epoch by epoch."""
    queue = iter(values)
    monkeypatch.setattr(module, "cross_entropy", lambda *_: next(queue))


@pytest.mark.parametrize(
    ("burn_in", "patience", "best", "epochs"),
    [(0, None, 2, 6), (2, None, 5, 6), (0, 2, 2, 4), (2, 2, 5, 6), (3, None, 5, 6)],
)
def test_the_best_epoch_is_the_lowest_validation_loss_after_burn_in(
    tiny_data, monkeypatch, burn_in, patience, best, epochs
):
    losses_of(monkeypatch, [0.9, 0.1, 0.5, 0.4, 0.3, 0.35])
    chosen = recipe(epochs=6, burn_in=burn_in, patience=patience)
    fitted = fit("classification", {"lr": 1e-3}, {}, tiny_data(16), tiny_data(8), chosen, 7)
    assert (fitted.best_epoch, len(fitted.history)) == (best, epochs)


def test_the_weights_are_those_of_the_best_epoch(tiny_data, monkeypatch):
    data = tiny_data(16), tiny_data(8)
    first = fit("classification", {"lr": 1e-3}, {}, *data, recipe(epochs=1), 7)
    losses_of(monkeypatch, [0.1, 0.2, 0.3])
    fitted = fit("classification", {"lr": 1e-3}, {}, *data, recipe(), 7)
    for key, value in first.model.state_dict().items():
        assert torch.equal(value, fitted.model.state_dict()[key])


def test_a_loss_that_is_not_finite_ends_the_run_with_a_word(tiny_data):
    with pytest.raises(Diverged) as caught:
        fit("gradmask", {"lr": 1e-3, "lambda": math.inf}, {}, tiny_data(16), tiny_data(8), recipe(), 7)
    assert "gradmask: train_classification is nan in epoch 1" in str(caught.value)
    assert "smaller lr or lambda" in str(caught.value)


@pytest.mark.parametrize("method", ["actdiff", "adversarial", "gradmask", "rrr"])
def test_a_run_without_a_weight_is_a_run_of_classification(tiny_data, method):
    data = tiny_data(20), tiny_data(10, seed=1)
    plain = fit("classification", {"lr": 1e-3}, {}, *data, recipe(), 7)
    assert same(plain, fit(method, METHODS[method] | {"lambda": 0}, {}, *data, recipe(), 7))


def test_the_history_means_are_over_images(tiny_data, monkeypatch):
    """20 images in batches of 8, 8 and 4 with losses 1, 2 and 3: (8 + 16 + 12) / 20 = 1.8."""
    values = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(base.Method, "update", lambda *_: {"classification": torch.tensor(next(values))})
    fitted = fit("classification", {"lr": 1e-3}, {}, tiny_data(20), tiny_data(8), recipe(epochs=1), 7)
    assert fitted.history[0]["train_classification"] == pytest.approx(1.8)
    assert set(fitted.history[0]) == {"epoch", "train_classification", "valid_loss", "valid_auc"}


def test_it_learns(tiny_data):
    fitted = fit("classification", {"lr": 3e-3}, {}, tiny_data(64), tiny_data(32, seed=1), recipe(width=4, epochs=6), 7)
    assert fitted.history[-1]["valid_auc"] == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_in_bfloat16_all_that_is_kept_is_float32_and_it_resumes_to_the_bit(tiny_data, method, tmp_path):
    data = tiny_data(20), tiny_data(10, seed=1)
    whole = fit(method, METHODS[method], {}, *data, recipe(epochs=2), 7, precision="bfloat16")
    assert {tensor.dtype for tensor in whole.model.state_dict().values()} == {torch.float32, torch.int64}
    assert whole.history != fit(method, METHODS[method], {}, *data, recipe(epochs=2), 7).history
    fit(method, METHODS[method], {}, *data, recipe(epochs=1), 7, tmp_path, "same", precision="bfloat16")
    again = fit(method, METHODS[method], {}, *data, recipe(epochs=2), 7, tmp_path, "same", precision="bfloat16")
    assert same(whole, again)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler (g++)")
def test_compiled_it_learns_the_same_but_for_rounding_and_resumes_to_the_bit(tiny_data, tmp_path):
    data = tiny_data(12), tiny_data(8, seed=1)  # batches of 8 and of 4
    plain = fit("classification", {"lr": 1e-3}, {}, *data, recipe(epochs=2), 7)
    compiled = fit("classification", {"lr": 1e-3}, {}, *data, recipe(epochs=2, compile=True), 7)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert list(compiled.model.state_dict()) == list(plain.model.state_dict())
    for mine, other in zip(plain.history, compiled.history, strict=True):
        assert mine == pytest.approx(other, rel=1e-3)
    fit("classification", {"lr": 1e-3}, {}, *data, recipe(epochs=1, compile=True), 7, tmp_path, "same")
    again = fit("classification", {"lr": 1e-3}, {}, *data, recipe(epochs=2, compile=True), 7, tmp_path, "same")
    assert same(compiled, again)


@pytest.mark.slow
def test_without_a_compiler_compiling_says_what_to_do(tiny_data, monkeypatch):
    monkeypatch.setenv("CXX", "/nonexistent")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nonexistent",))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    with pytest.raises(StudyError, match=r"training\.compile: .*could not compile.* install a C\+\+ compiler"):
        fit("classification", {"lr": 1e-3}, {}, tiny_data(8), tiny_data(8), recipe(epochs=1, compile=True), 7)


@pytest.mark.slow
def test_a_process_that_trains_does_not_import_the_compiler(tmp_path):
    """It takes a second, and sympy with it."""
    code = f"""
import sys, torch
from conftest import make_tiny_data
from pathlib import Path
from red_herring.runtime.hardware import pick
from red_herring.training.fit import Recipe, fit
given = {{"lr": 1e-3, "lambda": 0.1, "discriminator_steps": 2, "discriminator_lr": 1e-3}}
for name in ("actdiff", "adversarial", "rrr"):
    for epochs in (1, 2):
        recipe = Recipe(width=1, epochs=epochs, batch_size=8, burn_in=0, patience=None, compile=False)
        fit(name, given, {{}}, make_tiny_data(8), make_tiny_data(8), recipe, 0, pick("cpu", "float32"), Path({str(tmp_path)!r}) / name)
assert torch.are_deterministic_algorithms_enabled()
assert not {{"torch._dynamo", "sympy"}} & set(sys.modules)
"""
    paths = os.pathsep.join([str(WORKFLOW), str(ROOT / "tests")])
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": paths})


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("size", [28, 64])
def test_no_kernel_for_few_channels_writes_where_it_should_not(size, precision):
    """oneDNN's for float32 and channels-last crashed a process with 8 channels and 64 pixels."""
    code = f"""
from conftest import make_tiny_data
from red_herring.runtime.hardware import pick
from red_herring.training.fit import Recipe, fit
given = {{"lr": 1e-3, "lambda": 0.1, "discriminator_steps": 2, "discriminator_lr": 1e-3}}
recipe = Recipe(width=8, epochs=2, batch_size=16, burn_in=0, patience=None, compile=False)
for name in {list(METHODS)!r}:
    fit(name, given, {{}}, make_tiny_data(40, {size}), make_tiny_data(8, {size}), recipe, 0, pick("cpu", {precision!r}))
"""
    paths = os.pathsep.join([str(WORKFLOW), str(ROOT / "tests")])
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": paths})
