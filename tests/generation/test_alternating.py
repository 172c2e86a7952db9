"""A generator that has its turn now and then: through its epochs, and on from any of them."""

import pytest
import torch
from red_herring.generation.alternating import AlternatingLearner, Turns
from red_herring.generation.learner import Schedule


class Counting:
    """In place of a learner: three batches an epoch, numbered; `left` is a state that each step uses up."""

    schedule = Schedule(6, 1.0, 1)

    def __init__(self):
        self.seen, self.left, self.steps_done = [], 100, 0

    def start_epoch(self, epoch):
        self.epoch = epoch

    def batches(self, done):
        yield from range(done, 3)

    def step(self, batch):
        self.seen.append((self.epoch, batch, self.left))
        self.left -= 1
        self.steps_done += 1
        return {"loss": torch.tensor(1.0)}

    def state_dict(self):
        return {"left": self.left, "steps": self.steps_done}

    def load_state_dict(self, state):
        self.left, self.steps_done = state["left"], state["steps"]


def test_turns_go_through_epochs():
    learner = Counting()
    turns = Turns(learner, 4)
    for _ in range(7):
        turns.step()
    assert [own[:2] for own in learner.seen] == [(4, 0), (4, 1), (4, 2), (5, 0), (5, 1), (5, 2), (6, 0)]


@pytest.mark.parametrize("before", range(8))
def test_turns_go_on_where_they_were(before):
    whole = Counting()
    turns = Turns(whole, 4)
    for number in range(8):
        if number == before:
            state = turns.state_dict()
        turns.step()
    again = Counting()
    turns = Turns(again, 4)
    turns.load_state_dict(state)
    for _ in range(8 - before):
        turns.step()
    assert again.seen == whole.seen[before:]


@pytest.mark.parametrize(("every", "after"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (3, [3]), (4, [4]), (6, [])])
def test_the_generator_has_its_turn_after_every_few_steps_and_not_after_the_last(every, after):
    detector, generator = Counting(), Counting()
    both = AlternatingLearner(detector, Turns(generator, 1), every)
    both.start_epoch(1)
    found = [step for step in range(1, 7) if "generator_loss" in both.step(step)]
    assert found == after
    assert (len(detector.seen), len(generator.seen)) == (6, len(after))
