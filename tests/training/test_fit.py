"""Fitting a classifier: every method is deterministic, and goes on to the bit after an interruption."""

import functools
import importlib
import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from conftest import ROOT, make_tiny_data
from red_herring.data.dataset import Dataset
from red_herring.methods import base
from red_herring.networks import resnet
from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.study.catalogue import method_names
from red_herring.training import checkpoint, classifier
from red_herring.training import fit as module
from red_herring.training.fit import Recipe, recipe_of
from red_herring.training.loop import Diverged
from support.run_settings import TRAINING

METHODS = {
    "classification": {"lr": 1e-3},
    "masked": {"lr": 1e-3},
    "actdiff": {"lr": 1e-3, "lambda": 0.1},
    "adversarial": {"lr": 1e-3, "lambda": 0.1, "discriminator_steps": 2, "discriminator_lr": 1e-3},
    "coral": {"lr": 1e-3, "lambda": 1.0},
    "cutout": {"lr": 1e-3, "side": 0.5},
    "dann": {"lr": 1e-3, "lambda": 0.1, "discriminator_lr": 1e-3},
    "gradmask": {"lr": 1e-3, "lambda": 0.1},
    "gradnorm": {"lr": 1e-3, "lambda": 0.1},
    "groupdro": {"lr": 1e-3, "group_step_size": 0.1},
    "irm": {"lr": 1e-3, "lambda": 1.0},
    "mmd": {"lr": 1e-3, "lambda": 1.0},
    "reweighting": {"lr": 1e-3},
    "rrr": {"lr": 1e-3, "lambda": 0.1},
    "vrex": {"lr": 1e-3, "lambda": 1.0},
    "rbr": {"lr": 1e-3, "lambda": 0.1},
    "rrr_cam": {"lr": 1e-3, "lambda": 0.1},
    "hint": {"lr": 1e-3, "lambda": 0.1},
    "dfr": {"lr": 1e-3, "C": 1.0},
    "joint_masking": {"lr": 1e-3, "masker_lr": 3e-3, "lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3},
    "jtt": {"lr": 1e-3, "first_epochs": 1, "upweight": 4},
}
SIZE = 12
BATCHES = 3
"""Of 8, 8 and 4 images in an epoch."""


def recipe(**changes):
    return Recipe(
        **({"width": 1, "epochs": 2, "batch_size": 8, "burn_in": 0, "patience": None, "compile": False} | changes)
    )


def tiny():
    """Images of both labels in both groups, as methods need them that compare groups within a label."""
    return make_tiny_data(20, SIZE, crossed=True), make_tiny_data(10, SIZE, seed=1, crossed=True)


def fit(method, chosen, *resume, seed=7, data=None, precision="float32", options=(), **hyperparameters):
    train, valid = data or tiny()
    hardware = Hardware(torch.device("cpu"), precision)
    given = METHODS[method] | hyperparameters
    return module.fit(method, given, dict(options), train, valid, chosen, seed, hardware, *resume)


@functools.cache
def whole(method, sampling="shuffled", precision="float32"):
    """Two epochs without interruption."""
    return fit(method, recipe(), precision=precision, options={"sampling": sampling}.items())


def same(a, b):
    weights = zip(a.model.state_dict().items(), b.model.state_dict().items(), strict=True)
    return (
        a.history == b.history and a.best_epoch == b.best_epoch and all(torch.equal(x, y) for (_, x), (_, y) in weights)
    )


def test_every_method_is_tested_here():
    assert set(METHODS) == set(method_names())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_twice_is_the_same_to_the_bit(method):
    assert same(whole(method), fit(method, recipe(), options={"sampling": "shuffled"}.items()))
    other = fit(method, recipe(epochs=1), seed=8, options={"sampling": "shuffled"}.items())
    assert whole(method).history[0] != other.history[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "sampling"), [*((method, "shuffled") for method in METHODS), ("classification", "groups")]
)
def test_interrupted_anywhere_it_ends_as_if_it_had_not_been(method, sampling, tmp_path, monkeypatch):
    """Killed before its third and its fifth batch of 3 an epoch; the second kill loses a batch, not what was saved."""
    data = tiny()
    given = {"data": data, "options": {"sampling": sampling}.items()}
    batches = Dataset.batches

    def killed_before(number):
        seen = itertools.count(1)

        def some(self, *arguments):
            for batch in batches(self, *arguments):
                if self is data[0] and next(seen) == number:
                    raise KeyboardInterrupt
                yield batch

        return some

    for number in (3, 5):
        monkeypatch.setattr(Dataset, "batches", killed_before(number))
        with pytest.raises(KeyboardInterrupt):
            fit(method, recipe(), tmp_path, "same", **given)
    monkeypatch.setattr(Dataset, "batches", batches)
    assert same(whole(method, sampling), fit(method, recipe(), tmp_path, "same", **given))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("listening")
def test_told_to_stop_it_keeps_every_batch(method, tmp_path, monkeypatch):
    """SIGTERM in the middle of the second batch of each epoch: that batch is done whole, saved and not done again."""
    expected = whole(method)
    method_class = importlib.import_module(f"red_herring.methods.{method}").Method
    update, done = method_class.update, []

    def stopped_midway(self, *arguments):
        done.append(1)
        if len(done) % BATCHES == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(self, *arguments)

    monkeypatch.setattr(method_class, "update", stopped_midway)
    given = {"options": {"sampling": "shuffled"}.items()}
    epochs = len(expected.history)
    for epoch in range(epochs):
        interrupt.listen()
        with pytest.raises(interrupt.Interrupted, match="SIGTERM"):
            fit(method, recipe(), tmp_path, "same", **given)
        assert checkpoint.load_latest(tmp_path, "same")[0] == (epoch, 2)
    assert same(expected, fit(method, recipe(), tmp_path, "same", **given))
    assert len(done) == epochs * BATCHES, "three batches an epoch, none of them twice"


@pytest.mark.parametrize("method", METHODS)
def test_in_bfloat16_all_that_is_kept_is_float32_and_it_resumes_to_the_bit(method, tmp_path):
    rounded, given = whole(method, precision="bfloat16"), {"options": {"sampling": "shuffled"}.items()}
    kinds = {tensor.dtype for tensor in rounded.model.state_dict().values()}
    assert kinds - {torch.bool} == {torch.float32, torch.int64}
    assert rounded.history != whole(method).history
    fit(method, recipe(epochs=1), tmp_path, "same", precision="bfloat16", **given)
    assert same(rounded, fit(method, recipe(), tmp_path, "same", precision="bfloat16", **given))


@pytest.mark.parametrize("method", [method for method, given in METHODS.items() if "lambda" in given])
def test_a_run_without_a_weight_is_a_run_of_classification(method):
    shuffled = fit(method, recipe(epochs=1), options={"sampling": "shuffled"}.items(), **{"lambda": 0})
    assert shuffled.history[0] == whole("classification").history[0]
    of_groups = fit(method, recipe(epochs=1), options={"sampling": "groups"}.items(), **{"lambda": 0})
    assert of_groups.history[0] == whole("classification", "groups").history[0]


def test_a_method_is_told_the_cells_of_the_training_images_before_its_first_batch_also_when_going_on(
    tmp_path, monkeypatch
):
    told, update = [], base.Method.update

    def noting(self, batch, generator):
        told.append("batch")
        return update(self, batch, generator)

    monkeypatch.setattr(base.Method, "start", lambda self, cells: told.append(cells.tolist()))
    monkeypatch.setattr(base.Method, "update", noting)
    cells = [0, 1, 2, 3] * 5
    for epochs in (1, 2):
        fit("classification", recipe(epochs=epochs), tmp_path, "same")
    assert told == [cells, *["batch"] * BATCHES] * 2


def seen_labels(monkeypatch, method, options):
    """The label and group of every image that a method was shown in one epoch of 24 images, 20 of them in two cells."""
    seen, update = [], base.Method.update

    def noting(self, batch, generator):
        seen.extend(batch.cells.tolist())
        return update(self, batch, generator)

    data = make_tiny_data(24, SIZE)
    data.groups = torch.tensor([1, 0, *([0, 1] * 10), 1, 0])  # labels 0, 1, 0, 1, ...
    monkeypatch.setattr(base.Method, "update", noting)
    fit(method, recipe(epochs=1), data=(data, make_tiny_data(8, SIZE)), options=options.items())
    return [seen.count(cell) for cell in range(4)]


def test_sampling_is_an_option_of_every_method_with_the_default_of_its_own(monkeypatch):
    assert seen_labels(monkeypatch, "classification", {}) == [10, 2, 2, 10]
    assert seen_labels(monkeypatch, "rrr", {"sampling": "groups"}) == [6, 6, 6, 6]
    assert seen_labels(monkeypatch, "groupdro", {}) == [6, 6, 6, 6]
    assert seen_labels(monkeypatch, "groupdro", {"sampling": "shuffled"}) == [10, 2, 2, 10]


def losses_of(monkeypatch, values):
    """Let the validation losses be these, epoch by epoch."""
    queue = iter(values)
    monkeypatch.setattr(classifier, "cross_entropy", lambda *_: next(queue))


def test_the_weights_are_those_of_the_best_epoch(monkeypatch):
    first = fit("classification", recipe(epochs=1))
    losses_of(monkeypatch, [0.1, 0.2, 0.3])
    fitted = fit("classification", recipe(epochs=3))
    assert (fitted.best_epoch, fitted.stopped_by, fitted.steps) == (1, "epochs", 3 * BATCHES)
    for key, value in first.model.state_dict().items():
        assert torch.equal(value, fitted.model.state_dict()[key])


def test_a_loss_that_is_not_finite_ends_the_run_with_a_word():
    with pytest.raises(Diverged) as caught:
        fit("gradmask", recipe(), **{"lambda": math.inf})
    assert "gradmask: train_classification is nan in epoch 1 with {'lr': 0.001, 'lambda': inf}" in str(caught.value)
    assert "try a smaller lr or lambda" in str(caught.value)


def test_the_history_means_are_over_images(monkeypatch):
    """20 images in batches of 8, 8 and 4 with losses 1, 2 and 3: (8 + 16 + 12) / 20 = 1.8."""
    values = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(base.Method, "update", lambda *_: {"classification": torch.tensor(next(values))})
    fitted = fit("classification", recipe(epochs=1))
    assert fitted.history[0]["train_classification"] == pytest.approx(1.8)
    assert list(fitted.history[0]) == ["epoch", "train_classification", "valid_loss", "valid_auc"]


def test_it_learns():
    data = make_tiny_data(64), make_tiny_data(32, seed=1)
    fitted = fit("classification", recipe(width=4, epochs=6), data=data, lr=3e-3)
    assert fitted.history[-1]["valid_auc"] == 1.0


# ---------------------------------------------------------------------------------------------------------- stop rules

SETTINGS = replace(TRAINING, epochs=9, burn_in=4, patience=3)
KEPT = {key: getattr(SETTINGS, key) for key in ("width", "epochs", "batch_size", "burn_in", "patience", "compile")}


@pytest.mark.parametrize(
    ("more", "changes"),
    [
        ({}, {}),
        ({"labels": "as_they_are", "stop": {}}, {}),
        ({"stop": {"patience": 5}}, {"patience": 5}),
        ({"stop": {"steps": 40}}, {"patience": None, "steps": 40}),
        ({"stop": {"steps": 40, "patience": 5}}, {"patience": 5, "steps": 40}),
        ({"stop": {"train_accuracy": 0.9}}, {"patience": None, "train_accuracy": 0.9, "keep_last": True}),
        ({"labels": "permuted"}, {"patience": None, "keep_last": True}),
        ({"labels": "permuted", "stop": {"steps": 9}}, {"patience": None, "steps": 9, "keep_last": True}),
        (
            {"labels": "permuted", "stop": {"train_accuracy": 0.9, "steps": 9}},
            {"patience": None, "train_accuracy": 0.9, "steps": 9, "keep_last": True},
        ),
    ],
)
def test_what_labels_and_stop_of_a_task_ask_for(more, changes):
    assert recipe_of(replace(SETTINGS, **more)) == recipe(**KEPT | changes)


def test_patience_and_permuted_labels_do_not_go_together():
    with pytest.raises(StudyError, match=r"^task t: stop\.patience goes by the validation loss"):
        recipe_of(replace(SETTINGS, labels="permuted", stop={"patience": 3}))


def test_training_stops_at_a_training_accuracy_which_is_that_of_the_weights():
    data = make_tiny_data(32), make_tiny_data(8)
    chosen = recipe(width=4, epochs=20, burn_in=15, train_accuracy=0.9, keep_last=True)
    fitted = fit("classification", chosen, data=data, lr=3e-3)
    reached = [epoch["train_accuracy"] for epoch in fitted.history]
    assert fitted.stopped_by == "train_accuracy"
    assert all(accuracy < 0.9 for accuracy in reached[:-1])
    assert len(reached) == fitted.best_epoch < 15
    with torch.inference_mode():
        right = fitted.model.eval()(data[0].batch(slice(None)).images).argmax(1) == data[0].labels
    assert right.double().mean().item() == reached[-1] >= 0.9


def test_training_accuracy_is_only_measured_where_it_is_asked_for_and_changes_no_weight():
    measured = fit("rrr", recipe(train_accuracy=1.1))
    assert [{"train_accuracy", *epoch} for epoch in whole("rrr").history] == [set(epoch) for epoch in measured.history]
    for name, weight in whole("rrr").model.state_dict().items():
        assert torch.equal(weight, measured.model.state_dict()[name])


def test_steps_take_the_place_of_epochs_and_are_exact():
    fitted = fit("classification", recipe(epochs=1, steps=4))
    assert (fitted.steps, fitted.stopped_by, len(fitted.history)) == (4, "steps", 2)
    assert fitted.model.bn1.num_batches_tracked.item() in (3, 4), "of the best epoch"
    assert fitted.history[0] == whole("classification").history[0]
    last = fit("classification", recipe(epochs=1, steps=4, keep_last=True))
    assert last.model.bn1.num_batches_tracked.item() == 4


def test_steps_that_end_within_the_burn_in_are_refused_before_training():
    with pytest.raises(
        StudyError, match=r"^stop\.steps: is 6, which end in epoch 2 of 3 steps each, within the burn-in"
    ):
        fit("classification", recipe(steps=6, burn_in=2))
    assert fit("classification", recipe(steps=4, burn_in=2, keep_last=True)).best_epoch == 2


# ------------------------------------------------------------------------------------------------------------ compiler


def first_stages(self, x):
    """The network as it is as far as its second stage, for tests that would compile all of it for a minute."""
    return self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))).mean(dim=(2, 3)).repeat(1, 4)


@pytest.mark.parametrize("method", ["gradmask", "rrr", "rbr"])
def test_where_the_gradient_by_pixels_is_penalised_nothing_is_compiled(method, monkeypatch):
    monkeypatch.setattr(resnet.ResNet18, "compile_features", None)
    fit(method, recipe(epochs=1, compile=True))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler (g++)")
def test_compiled_it_learns_the_same_but_for_rounding_and_resumes_to_the_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(resnet, "BLOCKS_PER_STAGE", 1)
    monkeypatch.setattr(resnet.ResNet18, "_features", first_stages)
    data = make_tiny_data(12, SIZE), make_tiny_data(8, SIZE, seed=1)  # batches of 8 and of 4
    plain = fit("classification", recipe(), data=data)
    compiled = fit("classification", recipe(compile=True), data=data)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert list(compiled.model.state_dict()) == list(plain.model.state_dict())
    for mine, other in zip(plain.history, compiled.history, strict=True):
        assert mine == pytest.approx(other, rel=1e-3)
    fit("classification", recipe(epochs=1, compile=True), tmp_path, "same", data=data)
    assert same(compiled, fit("classification", recipe(compile=True), tmp_path, "same", data=data))
    assert same(compiled, fit("classification", recipe(compile="graphs"), data=data)), "without a GPU there are none"


def test_without_a_compiler_compiling_says_what_to_do(monkeypatch):
    """For the smallest network there is, as all of it is traced before its first part is compiled."""
    monkeypatch.setattr(resnet.ResNet18, "_features", lambda self, x: self.conv1(x).mean(dim=(2, 3)).expand(-1, 8))
    monkeypatch.setenv("CXX", "/nonexistent")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nonexistent",))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    with pytest.raises(StudyError, match=r"training\.compile: .*could not compile.* install a C\+\+ compiler"):
        fit("classification", recipe(epochs=1, compile=True))


IN_A_PROCESS = """
import json, sys, torch
from conftest import make_tiny_data
from pathlib import Path
from red_herring.runtime.hardware import pick
from red_herring.training.fit import Recipe, fit
methods, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
for name, given in methods.items():
    for precision in ("float32", "bfloat16"):
        for size in (28, 64):
            data = make_tiny_data(40, size, crossed=True), make_tiny_data(8, size, crossed=True)
            recipe = Recipe(width=8, epochs=1, batch_size=16, burn_in=0, patience=None, compile=False)
            print(name, precision, size, file=sys.stderr, flush=True)
            fit(name, given, {}, *data, recipe, 0, pick("cpu", precision))
    for epochs in (1, 2):
        recipe = Recipe(width=1, epochs=epochs, batch_size=8, burn_in=0, patience=None, compile=False)
        data = make_tiny_data(8, crossed=True), make_tiny_data(8, crossed=True)
        fit(name, given, {}, *data, recipe, 0, pick("cpu", "float32"), folder / name)
assert torch.are_deterministic_algorithms_enabled()
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """One in which every method trained in its own way, and resumed."""
    paths = os.pathsep.join([str(ROOT / "workflow"), str(ROOT / "tests")])
    command = [sys.executable, "-c", IN_A_PROCESS, json.dumps(METHODS), str(tmp_path_factory.mktemp("process"))]
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


@pytest.mark.slow
def test_no_kernel_for_few_channels_writes_where_it_should_not(process):
    """oneDNN's for float32 and channels-last crashed a process with 8 channels and 64 pixels."""
    assert process.returncode == 0, process.stderr
    assert len(process.stderr.splitlines()) == 4 * len(METHODS)


@pytest.mark.slow
def test_a_process_that_trains_does_not_import_the_compiler(process):
    """It takes a second, and sympy with it."""
    assert not {"torch._dynamo", "sympy"} & set(process.stdout.split())
    assert "torch" in process.stdout.split()
