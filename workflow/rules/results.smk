"""Results: tidy tables of all runs, then the tables and figures of the paper, each from small files only."""


rule collect_runs:
    input:
        RUNS,
        expand("<results>/runs/{task}/{method}/seed={seed}/history.csv", task=TASKS, method=METHODS, seed=SEEDS),
        MAPS,
        expand("<results>/tuning/{task}/{method}/trials.csv", task=TASKS, method=METHODS),
    output:
        runs="<results>/runs.csv",
        histories="<results>/histories.csv",
        trials="<results>/trials.csv",
    log:
        "<results>/logs/collect_runs.log",
    benchmark:
        "<results>/benchmarks/collect_runs.tsv"
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=settings(study.collect_settings),
        code=code("collect_runs"),
        # The files are too many for a command line; the stage finds them where the inputs say they are.
        results=lambda wildcards, output: os.path.dirname(output.runs),
    shell:
        r"""
        exec python -m red_herring.stages.collect_runs \
            --settings {params.settings:q} \
            --results {params.results:q} \
            --runs {output.runs:q} \
            --histories {output.histories:q} \
            --trials {output.trials:q} \
            --log {log:q}
        """


rule render_table:
    input:
        runs="<results>/runs.csv",
        published_tables="workflow/reference/published_tables.csv",
        published_runs="workflow/reference/published_runs.csv",
    output:
        csv=report("<results>/tables/{task}.csv", category="Tables", labels={"task": "{task}"}),
        markdown="<results>/tables/{task}.md",
        latex="<results>/tables/{task}.tex",
    log:
        "<results>/logs/render_table/{task}.log",
    benchmark:
        "<results>/benchmarks/render_table/{task}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=settings(study.results_settings),
        code=code("render_table"),
    shell:
        r"""
        exec python -m red_herring.stages.render_table \
            --settings {params.settings:q} \
            --task {wildcards.task} \
            --runs {input.runs:q} \
            --published-tables {input.published_tables:q} \
            --published-runs {input.published_runs:q} \
            --csv {output.csv:q} \
            --markdown {output.markdown:q} \
            --latex {output.latex:q} \
            --log {log:q}
        """


# What the splits hold: as drawn, and as planned from the metadata before there is any image.
SPLIT_COUNTS = {
    "splits": expand("<results>/splits/{task}/seed={seed}_counts.csv", task=TASKS, seed=SEEDS),
    "planned_splits": expand("<results>/splits/{task}/planned_counts.csv", task=TASKS),
}


rule tabulate_splits:
    input:
        counts=lambda wildcards: SPLIT_COUNTS[wildcards.splits],
    output:
        csv=report("<results>/tables/{splits}.csv", category="Data", labels={"table": "{splits}"}),
        markdown="<results>/tables/{splits}.md",
    log:
        "<results>/logs/tabulate_splits/{splits}.log",
    benchmark:
        "<results>/benchmarks/tabulate_splits/{splits}.tsv"
    wildcard_constraints:
        splits="|".join(SPLIT_COUNTS),
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=settings(study.results_settings),
        code=code("tabulate_splits"),
    shell:
        r"""
        exec python -m red_herring.stages.tabulate_splits \
            --settings {params.settings:q} \
            --counts {input.counts:q} \
            --csv {output.csv:q} \
            --markdown {output.markdown:q} \
            --log {log:q}
        """


rule render_data_sheet:
    input:
        index="<results>/data/{source}/index.csv",
        decoded="<results>/data/{source}/decoded.csv",
        about="<results>/data/{source}/source.json",
    output:
        markdown="<results>/data/{source}/data_sheet.md",
        pdf="<results>/data/{source}/data_sheet.pdf",
        png=report("<results>/data/{source}/data_sheet.png", category="Data", labels={"source": "{source}"}),
    log:
        "<results>/logs/render_data_sheet/{source}.log",
    benchmark:
        "<results>/benchmarks/render_data_sheet/{source}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=settings(study.sheet_settings, "source"),
        code=code("render_data_sheet"),
    shell:
        r"""
        exec python -m red_herring.stages.render_data_sheet \
            --settings {params.settings:q} \
            --index {input.index:q} \
            --decoded {input.decoded:q} \
            --about {input.about:q} \
            --markdown {output.markdown:q} \
            --pdf {output.pdf:q} \
            --png {output.png:q} \
            --log {log:q}
        """


# What each figure is drawn from; its module in red_herring/results/figures has the same name.
DRAWN = expand("<results>/splits/{task}/seed={seed}.csv", task=TASKS, seed=SEEDS[0])
DECODED = expand("<results>/data/{source}/{file}", source=SOURCES, file=["images.npy", "masks.npy"])
DATA_FIGURES = {"figure_1": DRAWN + DECODED, "figure_3": DRAWN + DECODED, "masks": DRAWN + DECODED}
FIGURES = DATA_FIGURES | {
    "figure_4": ["<results>/histories.csv"],
    "figure_5": expand(
        "<results>/saliency/{task}/{method}/seed={seed}/gradient.npy", task=TASKS, method=METHODS, seed=SEEDS
    ),
    "figure_8": ["<results>/runs.csv"],
    "figure_a1": ["<results>/trials.csv"],
}


rule render_figure:
    input:
        files=lambda wildcards: FIGURES[wildcards.figure],
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report("<results>/figures/{figure}.png", category="Figures", labels={"figure": "{figure}"}),
    log:
        "<results>/logs/render_figure/{figure}.log",
    benchmark:
        "<results>/benchmarks/render_figure/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(FIGURES),
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=settings(study.results_settings),
        code=code("render_figure", "red_herring.results.figures.{figure}"),
    shell:
        r"""
        exec python -m red_herring.stages.render_figure \
            --settings {params.settings:q} \
            --figure {wildcards.figure} \
            --files {input.files:q} \
            --pdf {output.pdf:q} \
            --png {output.png:q} \
            --log {log:q}
        """
