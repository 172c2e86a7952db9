"""Training: one job per task, method and seed, with the hyperparameters that tuning found; and of a study that asks for
masks that are learned, one that fits the maskers of the run.
"""


rule train:
    input:
        masks(),
        read("source.json"),
        split="<results>/splits/{task}/seed={seed}.csv",
        images=read("images.npy"),
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


# Only where an analysis or an attribution of the study reads the maskers.
rule fit_masker:
    input:
        masks(),
        read("source.json"),
        split="<results>/splits/{task}/seed={seed}.csv",
        images=read("images.npy"),
        model="<results>/runs/{task}/{method}/seed={seed}/model.safetensors",
        hyperparameters=lambda wildcards: (
            f"<results>/maskers/{wildcards.task}/{wildcards.method}/best.json"
            if maskers.is_searched(config, wildcards.method)
            else []
        ),
    output:
        maskers="<results>/maskers/{task}/{method}/seed={seed}/maskers.safetensors",
        record="<results>/maskers/{task}/{method}/seed={seed}/maskers.json",
        history="<results>/maskers/{task}/{method}/seed={seed}/history.csv",
    log:
        "<results>/logs/fit_masker/{task}/{method}/seed={seed}.log",
    benchmark:
        "<results>/benchmarks/fit_masker/{task}/{method}/seed={seed}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        flags=flags,
        settings=settings(maskers.fitting_settings, "task", "method"),
        code=code("fit_masker"),
    shell:
        stage("fit_masker", "params.settings", "wildcards.seed", "threads")


# On the run of the first seed.
rule tune_masker:
    input:
        masks(SEEDS[0]),
        read("source.json", SEEDS[0]),
        split=f"<results>/splits/{{task}}/seed={SEEDS[0]}.csv",
        images=read("images.npy", SEEDS[0]),
        model=f"<results>/runs/{{task}}/{{method}}/seed={SEEDS[0]}/model.safetensors",
    output:
        trials="<results>/maskers/{task}/{method}/trials.csv",
        best="<results>/maskers/{task}/{method}/best.json",
    log:
        "<results>/logs/tune_masker/{task}/{method}.log",
    benchmark:
        "<results>/benchmarks/tune_masker/{task}/{method}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        flags=flags,
        settings=settings(maskers.searching_settings, "task", "method"),
        code=code("tune_masker"),
    shell:
        stage("tune_masker", "params.settings", "threads")
