"""Training one run: the loop, the evaluation, the checkpoint it resumes from."""
