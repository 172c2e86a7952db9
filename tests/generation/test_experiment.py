"""One run of the detection experiment: what arms have in common, what trains them, tables, and going on to the bit."""

import math
import os
import signal
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from red_herring.generation import experiment
from red_herring.generation import learner as training
from red_herring.generation.cycle_gan import CycleGAN, initialised_gan
from red_herring.generation.detection_data import TrainingData
from red_herring.generation.detection_metrics import detection_measures
from red_herring.generation.experiment import SHOWN, Measured, Pretrained, pretrain, run_arm, validate_arm
from red_herring.generation.learner import DetectorLearner
from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.statistics.boxes import COLUMNS, THRESHOLDS
from red_herring.training.loop import Diverged
from red_herring.training.states import read_state, write_state
from support.detecting import ARMS, DETECTION, GENERATED
from support.to_detect import DATA, FREE

CPU = Hardware(torch.device("cpu"), "float32")
SETTINGS = DETECTION
"""An epoch of three steps and one of two; a generator's epoch of three and a turn after the second and fourth step."""


@dataclass(frozen=True)
class Found:
    """pretrained: None in arms without a generator."""

    measured: Measured
    pretrained: Pretrained | None

    @property
    def pretraining(self):
        return self.pretrained.history if self.pretrained else []


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch):
    monkeypatch.setattr(training, "EPOCH", 3)


def run(arm, resume=None, *, n_real=4, data=DATA, settings=SETTINGS, seed=7):
    """resume: a folder for both parts."""
    given = n_real, data, settings, seed, CPU
    parts = [(resume / part, "same") if resume else () for part in ("pretraining", "detector")]
    before = pretrain(*given, *parts[0]) if arm in GENERATED else None
    return Found(run_arm(ARMS[arm], *given, before and before.gan, *parts[1]), before)


def same(a, b):
    a, before_a, b, before_b = a.measured, a.pretraining, b.measured, b.pretraining
    states = zip(a.detector.state_dict().values(), b.detector.state_dict().values(), strict=True)
    return (
        all(torch.equal(x, y) for x, y in states)
        and (a.history, before_a) == (b.history, before_b)
        and all(torch.equal(x, y) for x, y in zip(boxes_of(a), boxes_of(b), strict=True))
        and a.measures.equals(b.measures)
        and torch.equal(a.shown.images, b.shown.images)
    )


def boxes_of(measured):
    return [values for own in measured.predictions for values in own]


@cache
def noted(arm):
    """A run, and what it does: the detector before its first step, the images of its steps, and of each update of the
    generator the pairs, the detector, the weights and the generator before it.
    """
    seen = {"start": [], "batches": [], "updates": []}
    step, update = DetectorLearner.step, CycleGAN.update

    def noting_step(self, batch):
        if not seen["batches"]:
            seen["start"] = [value.clone() for value in self.detector.state_dict().values()]
        seen["batches"].append(batch.images.clone())
        return step(self, batch)

    def noting_update(self, pairs, detector, weights, drawn):
        state = [value.clone() for value in self.generators.state_dict().values()]
        seen["updates"].append((pairs, detector, weights, state))
        return update(self, pairs, detector, weights, drawn)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DetectorLearner, "step", noting_step)
        patched.setattr(CycleGAN, "update", noting_update)
        return run(arm), seen


def all_equal(parts):
    first, *others = parts
    return all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))


@pytest.mark.slow
def test_arms_start_from_the_same_detector_and_see_the_same_real_and_object_free_images():
    found = [noted(arm)[1] for arm in ARMS]
    assert all_equal([own["start"] for own in found])
    assert {len(own["batches"]) for own in found} == {SETTINGS["steps"]}
    assert {len(batch) for own in found for batch in own["batches"]} == {8}
    assert all_equal([[batch[:4] for batch in own["batches"]] for own in found])
    further = [torch.cat([batch[4:] for batch in own["batches"]]) for own in found]
    assert all(not torch.equal(a, b) for number, a in enumerate(further) for b in further[:number])


@pytest.mark.slow
def test_arms_with_a_generator_have_the_same_pretraining_without_a_detector_and_the_same_pairs():
    found = [noted(arm) for arm in GENERATED]
    for measured, own in found:
        assert measured.pretraining == found[0][0].pretraining
        assert len(measured.pretraining) == 2
        assert [update[1] is None for update in own["updates"]] == [True] * 4 + [False] * 2
    orders = [torch.cat([pairs.free for pairs, *_ in found[0][1]["updates"][start : start + 2]]) for start in (0, 4)]
    assert not torch.equal(*orders)  # the generator goes on in an epoch of its own
    for which in range(6):
        assert all_equal([own["updates"][which][0].free for _, own in found])
        assert all_equal([own["updates"][which][0].places for _, own in found])
    assert all_equal([own["updates"][4][3] for _, own in found])  # the generator when the detector has its first step
    assert not all_equal([own["updates"][5][3] for _, own in found])


@pytest.mark.slow
def test_weights_of_the_generators_loss_are_those_of_the_arm():
    found = {arm: noted(arm)[1]["updates"] for arm in ARMS}
    assert {arm: len(updates) for arm, updates in found.items() if updates} == dict.fromkeys(GENERATED, 6)
    weights = {arm: [(own[2].detector, own[2].unrolled) for own in found[arm]] for arm in GENERATED}
    assert weights["gan"] == [(0, 0)] * 6
    assert weights["detector_loss"] == [(0, 0)] * 4 + [(0.2, 0)] * 2
    assert weights["unrolled"] == [(0, 0)] * 4 + [(0.2, 1.0)] * 2
    assert weights["unrolled_alone"] == [(0, 0)] * 4 + [(0, 1.0)] * 2


@pytest.mark.parametrize("arm", ["real", "copy_paste", "unrolled"])
def test_only_the_first_real_images_and_object_free_training_images_train(arm):
    _, found = noted(arm)
    real, free = DATA.first_real(4, 7).images, FREE.examples.images
    batches = torch.cat(found["batches"])
    pairs = [own[0] for own in found["updates"]]
    shown = [batches.view(-1, 8, *batches.shape[1:])[:, :2].flatten(0, 1), *(own.real.images for own in pairs)]
    assert all(is_one_of(image, real) for image in torch.cat(shown))
    shown = [batches.view(-1, 8, *batches.shape[1:])[:, 2:4].flatten(0, 1), *(own.free for own in pairs)]
    assert all(is_one_of(image, free) for image in torch.cat(shown))


def is_one_of(image, images):
    return any(torch.equal(image, other) or torch.equal(image.flip(2), other) for other in images)


@pytest.mark.parametrize("arm", ["copy_paste", "gan"])
def test_further_images_are_object_free_ones_outside_their_boxes(arm):
    shown = noted(arm)[0].measured.shown
    for image, boxes in zip(shown.images, shown.boxes, strict=True):
        ((top, left, bottom, right),) = boxes.tolist()
        outside = torch.ones(28, 28, dtype=torch.bool)
        outside[top:bottom, left:right] = False
        backgrounds = [*FREE.examples.images[:, 0], *FREE.examples.images[:, 0].flip(2)]
        assert any(torch.equal(image[0, outside], other[outside]) for other in backgrounds)


@pytest.mark.parametrize("arm", ARMS)
def test_what_is_shown_is_what_the_detector_was_shown_last(arm):
    measured, found = noted(arm)
    shown = measured.measured.shown
    assert torch.equal(shown.images, found["batches"][-1][4:])
    assert len(shown) == 4 <= SHOWN
    assert all(boxes.shape == (1, 4) for boxes in shown.boxes)


@pytest.mark.parametrize("arm", ARMS)
def test_tables_are_whole(arm):
    made, _ = noted(arm)
    found = made.measured
    assert found.measures.columns.tolist() == COLUMNS
    assert found.measures["measure"].tolist() == ["ap", *["iou"] * len(THRESHOLDS), *["iobb"] * len(THRESHOLDS)]
    assert found.measures.notna().all(axis=None)
    assert found.measures["images"].tolist() == [7] + [5] * 14
    assert list(zip(found.usage["part"], found.usage["steps"], strict=True)) == [("detector", 5), ("test", 0)]
    if arm in GENERATED:
        assert made.pretrained.usage[["part", "steps"]].to_numpy().tolist() == [["pretraining", 4]]
    assert (found.usage[["seconds", "cpu_seconds"]] > 0).all(axis=None)
    assert found.usage["gpu_mib"].isna().all()
    assert [row["epoch"] for row in found.history] == [1, 2]
    assert all({"train_loss", "valid_loss"} <= row.keys() for row in found.history)
    assert ("train_generator_cycle" in found.history[0]) == (arm in GENERATED)
    terms = {name.removeprefix("train_generator_") for name in found.history[0]} & {"detector", "unrolled"}
    assert terms == {name for name, key in (("detector", "lambda_s"), ("unrolled", "lambda_r")) if ARMS[arm][key]}
    assert len(found.predictions) == 7
    assert not found.detector.training
    assert not any(parameter.requires_grad for parameter in found.detector.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["gan", "unrolled"])
def test_a_pretraining_that_was_saved_serves_as_one_that_was_not(arm, tmp_path):
    """A generator of other weights, pools and optimisers, which then loads what was saved."""
    given = 4, DATA, SETTINGS, 7, CPU
    before = pretrain(*given)
    write_state(tmp_path / "generator.safetensors", before.gan.state_dict())
    gan = initialised_gan(28, SETTINGS["channels"], 8, CPU.device)
    gan.load_state_dict(read_state(tmp_path / "generator.safetensors"))
    loaded = Found(run_arm(ARMS[arm], *given, gan), before)
    assert same(noted(arm)[0], loaded)
    after, trained_on = noted(arm)[0].pretrained.gan.state_dict(), gan.state_dict()
    for name in ("generators", "judges"):
        assert all_equal([list(state[name].values()) for state in (after, trained_on)])


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["real", "unrolled"])
def test_validating_trains_the_same_detector_and_asks_it_about_validation_images(arm):
    data = TrainingData(DATA.real, DATA.free, DATA.valid)
    gan = pretrain(4, data, SETTINGS, 7, CPU).gan if arm in GENERATED else None
    found = validate_arm(ARMS[arm], 4, data, SETTINGS, 7, CPU, gan)
    measured = run(arm).measured
    predictions = experiment.predicted(measured.detector, DATA.valid.examples.images, 8)
    measures = detection_measures(predictions, DATA.valid.examples.boxes, DATA.valid.patients, resamples=1)
    assert (found.ap, found.loss) == (measures["value"][0], measured.history[-1]["valid_loss"])


def test_the_same_again_is_the_same_to_the_bit_and_another_seed_is_not():
    assert same(noted("unrolled")[0], run("unrolled"))
    assert not same(noted("unrolled")[0], run("unrolled", seed=8))


KILLED = (2, 4, 5, 7, 8, 10, 11)
"""Of a run with a generator: 1 to 4 are its pretraining, 7 and 10 its turns, the others the detector's steps."""


def killed_in(number, arm, folder, monkeypatch):
    """A run that is told to stop in its step of this number, counted from 1 over pretraining and detector."""
    count = iter(range(1, 100))

    def stopping(step):
        def own(self, *arguments):
            if next(count) == number:
                os.kill(os.getpid(), signal.SIGTERM)
            return step(self, *arguments)

        return own

    with monkeypatch.context() as patched, pytest.raises(interrupt.Interrupted, match="SIGTERM"):
        patched.setattr(experiment.GeneratorLearner, "step", stopping(experiment.GeneratorLearner.step))
        patched.setattr(DetectorLearner, "step", stopping(DetectorLearner.step))
        run(arm, folder)


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(
    ("arm", "number"), [*(("copy_paste", n) for n in (2, 3, 5)), *(("unrolled", n) for n in KILLED)]
)
@pytest.mark.slow
def test_told_to_stop_in_any_step_it_ends_as_if_it_had_not_been(arm, number, tmp_path, monkeypatch):
    killed_in(number, arm, tmp_path, monkeypatch)
    assert same(noted(arm)[0], run(arm, tmp_path))


@pytest.mark.usefixtures("listening")
def test_steps_of_usage_are_those_of_the_process_that_says_them(tmp_path, monkeypatch):
    killed_in(8, "gan", tmp_path, monkeypatch)  # the detector's third step
    found = run("gan", tmp_path)
    usage = [found.pretrained.usage, found.measured.usage]
    assert [own.set_index("part")["steps"].to_dict() for own in usage] == [
        {"pretraining": 0},
        {"detector": 2, "test": 0},
    ]


def test_finished_trainings_are_not_done_again(tmp_path):
    first = run("gan", tmp_path)
    again = run("gan", tmp_path)
    assert same(first, again)
    assert [*again.pretrained.usage["steps"], *again.measured.usage["steps"]] == [0, 0, 0]


def test_what_cannot_be_run_is_refused():
    with pytest.raises(StudyError, match="n_real: is 7, and there are 6"):
        run("real", n_real=7)
    with pytest.raises(Diverged, match=r"detector: train_loss is .* try a smaller lr"):
        run("real", settings=SETTINGS | {"lr": math.inf})


@pytest.mark.parametrize(
    ("arm", "has_gan", "words"),
    [
        (ARMS["real"] | {"further": "pasted"}, False, "further: is pasted, .* one of real, copy_paste, generated"),
        (ARMS["unrolled"] | {"further": "copy_paste"}, False, "is copy_paste, .* weigh nothing"),
        (ARMS["gan"], False, "generator: further images are generated, and there is none"),
        (ARMS["real"], True, "generator: further images are real, which asks for none"),
    ],
)
def test_an_arm_that_makes_no_sense_is_refused(arm, has_gan, words):
    gan = initialised_gan(28, 2, 7, CPU.device) if has_gan else None
    with pytest.raises(StudyError, match=words):
        run_arm(arm, 4, DATA, SETTINGS, 7, CPU, gan)
