"""Training: one job per task, method and seed, with the hyperparameters that tuning found."""


rule train:
    input:
        split="<results>/splits/{task}/seed={seed}.csv",
        images=prepared("images.npy"),
        masks=prepared("masks.npy"),
        about=prepared("source.json"),
        hyperparameters="<results>/tuning/{task}/{method}/best.json",
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
        settings=settings(study.train_settings, "task", "method"),
        code=code("train", "red_herring.methods.{method}", "red_herring.methods.classification"),
    shell:
        r"""
        exec python -m red_herring.stages.train \
            --settings {params.settings:q} \
            --split {input.split:q} \
            --images {input.images:q} \
            --hyperparameters {input.hyperparameters:q} \
            --seed {wildcards.seed} \
            --model {output.model:q} \
            --history {output.history:q} \
            --predictions {output.predictions:q} \
            --record {output.record:q} \
            --threads {threads} \
            --log {log:q}
        """
