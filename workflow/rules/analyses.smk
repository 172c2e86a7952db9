"""Analyses: each question asked of every run, by a rule of its own that follows from the file in analyses/."""

for analysis in ANALYSES:

    rule:
        name:
            analysis
        input:
            found_beside(analysis),
            unpack(given(analysis)),
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
