"""Bayesian search: one job per task and method, on the split and initialisation of one seed; none for a task that is
tuned on another.
"""


rule tune:
    input:
        lambda wildcards: searched(masks(config["tuning"]["seed"])(wildcards)),
        lambda wildcards: searched(read("source.json", config["tuning"]["seed"])(wildcards)),
        split=lambda wildcards: searched(f"<results>/splits/{wildcards.task}/seed={config['tuning']['seed']}.csv"),
        images=lambda wildcards: searched(read("images.npy", config["tuning"]["seed"])(wildcards)),
    output:
        trials="<results>/tuning/{task}/{method}/trials.csv",
        best=report(
            "<results>/tuning/{task}/{method}/best.json",
            category="Searches",
            labels={"task": "{task}", "method": "{method}"},
            caption="../report/search.rst",
        ),
    log:
        "<results>/logs/tune/{task}/{method}.log",
    benchmark:
        "<results>/benchmarks/tune/{task}/{method}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: config["tuning"]["parallel"] if config["tuning"]["mode"] == "search" else 1
    resources:
        gpu=GPU if config["tuning"]["mode"] == "search" else 0,
    params:
        flags=flags,
        settings=settings(study.tune_settings, "task", "method"),
        code=code("tune", "red_herring.methods.{file}", "red_herring.methods.classification"),
    shell:
        stage("tune", "params.settings", "threads")
