"""Training: one job per task, method and seed, with the hyperparameters that tuning found."""


rule train:
    input:
        masks,
        prepared("source.json"),
        split="<results>/splits/{task}/seed={seed}.csv",
        images=prepared("images.npy"),
        hyperparameters=lambda wildcards: (
            f"<results>/tuning/{tasks.hyperparameters_of(config, wildcards.task)}/{wildcards.method}/best.json"
        ),
    output:
        model="<results>/runs/{task}/{method}/seed={seed}/model.safetensors",
        history="<results>/runs/{task}/{method}/seed={seed}/history.csv",
        predictions="<results>/runs/{task}/{method}/seed={seed}/predictions.csv",
        record=report(
            "<results>/runs/{task}/{method}/seed={seed}/run.json",
            category="Runs",
            labels={"task": "{task}", "method": "{method}", "seed": "{seed}"},
            caption="../report/run.rst",
        ),
    log:
        "<results>/logs/train/{task}/{method}/seed={seed}.log",
    benchmark:
        "<results>/benchmarks/train/{task}/{method}/seed={seed}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        flags=flags,
        settings=settings(study.train_settings, "task", "method"),
        code=code("train", "red_herring.methods.{file}", "red_herring.methods.classification"),
    shell:
        stage("train", "params.settings", "wildcards.seed", "threads")
