"""Analyses: each question asked of every run, by a rule of its own that follows from the file in analyses/."""

for analysis in ANALYSES:

    rule:
        name:
            analysis
        input:
            masks(),
            read("source.json"),
            read("index.csv"),
            companion(analysis, "base", beside_images_of),
            split="<results>/splits/{task}/seed={seed}.csv",
            images=read("images.npy"),
            model="<results>/runs/{task}/{method}/seed={seed}/model.safetensors",
            base_split=companion(analysis, "base", split_of),
            base_images=companion(analysis, "base", images_of),
            base_model=companion(analysis, "base", model_of),
            other_split=companion(analysis, "other", split_of),
            other_model=companion(analysis, "other", model_of),
            base_other_split=companion(analysis, "base_other", split_of),
            base_other_model=companion(analysis, "base_other", model_of),
            masker=own_maskers(analysis),
            base_masker=companion(analysis, "base", maskers_of(analysis)),
            other_masker=companion(analysis, "other", maskers_of(analysis)),
            base_other_masker=companion(analysis, "base_other", maskers_of(analysis)),
        output:
            table=f"<results>/{analysis}/{{task}}/{{method}}/seed={{seed}}.csv",
            per_image=f"<results>/{analysis}/{{task}}/{{method}}/seed={{seed}}_images.csv",
            arrays=f"<results>/{analysis}/{{task}}/{{method}}/seed={{seed}}.safetensors",
        log:
            f"<results>/logs/{analysis}/{{task}}/{{method}}/seed={{seed}}.log",
        benchmark:
            f"<results>/benchmarks/{analysis}/{{task}}/{{method}}/seed={{seed}}.tsv"
        conda:
            "../../envs/red_herring.yaml"
        threads: 1
        resources:
            gpu=GPU,
        params:
            flags=flags,
            analysis=analysis,
            settings=analysis_settings(analysis),
            code=analysis_code(analysis),
        shell:
            stage("analyse", "params.analysis", "params.settings", "wildcards.method", "wildcards.seed", "threads")


# The answers of all runs in one table.
rule collect_analysis:
    input:
        lambda wildcards: answers(wildcards.analysis),
    output:
        table="<results>/{analysis}.csv",
    log:
        "<results>/logs/collect_analysis/{analysis}.log",
    benchmark:
        "<results>/benchmarks/collect_analysis/{analysis}.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(study.collect_analysis_settings, "analysis"),
        code=code("collect_analysis"),
        # The files are too many for a command line; the stage finds them where the inputs say they are.
        results=lambda wildcards, output: os.path.dirname(output.table),
    shell:
        stage("collect_analysis", "wildcards.analysis", "params.settings", "params.results")


# A classifier tells the explanations of all runs of a method apart, so that this is of no single run.
rule tell_apart:
    input:
        tables=expand("{{study}}/{analysis}.csv", analysis=EXPLAINING),
    output:
        told=f"{{study}}/{TOLD_APART}",
    log:
        "{study}/logs/tell_apart.log",
    benchmark:
        "{study}/benchmarks/tell_apart.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        code=code("tell_apart"),
        results=RESULTS,
    shell:
        stage("tell_apart", "params.results")
