"""What a rule hands to `train` and `tune`, for tests to change."""

from red_herring.study.stage_settings import Guidance, Searching, Training

TRAINING = Training(
    task="t", method="classification", file="classification", options={}, labels="as_they_are", signal=None, stop={},
    mask={"kind": "ellipse", "semi_axis": 0.3}, guidance=None, width=1, batch_size=8, device="cpu",
    precision="float32", compile=False, epochs=5, burn_in=2, patience=None,
)  # fmt: skip
SEARCHING = Searching(
    **vars(TRAINING), mode="search", seed=1, initial_points=1, iterations=0, parallel=1, objective="selected", space={}
)
GUIDANCE: Guidance = {"negatives": "empty", "control": "none", "budget": 1.0, "blur_sigma": 0.0}
