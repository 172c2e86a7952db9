"""Results: tidy tables of all runs, then the tables, figures and pages of the study, each from small files only.

These rules take seconds each: all but the data sheets run where Snakemake runs, the login node of a cluster.
"""

STUDY_TABLES = ["runs", "localisation", "histories", "trials", "searches", "missing"]


rule collect_runs:
    input:
        RUNS,
        expand("<results>/runs/{task}/{method}/seed={seed}/history.csv", task=TASKS, method=METHODS, seed=SEEDS),
        MAPS,
        expand("<results>/tuning/{task}/{method}/trials.csv", task=TASKS, method=METHODS),
    output:
        **{name: f"<results>/{name}.csv" for name in STUDY_TABLES},
    log:
        "<results>/logs/collect_runs.log",
    benchmark:
        "<results>/benchmarks/collect_runs.tsv"
    localrule: True
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
            --localisation {output.localisation:q} \
            --histories {output.histories:q} \
            --trials {output.trials:q} \
            --searches {output.searches:q} \
            --missing {output.missing:q} \
            --log {log:q}
        """


# The runs that are there, when some are not. No run is an input, as this must not make any.
rule collect_incomplete:
    output:
        **{name: f"<results>/incomplete/{name}.csv" for name in [*STUDY_TABLES, "overlaps"]},
    log:
        "<results>/logs/collect_incomplete.log",
    benchmark:
        "<results>/benchmarks/collect_incomplete.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=settings(study.collect_settings),
        code=code("collect_incomplete"),
        results=lambda wildcards, output: os.path.dirname(os.path.dirname(output.runs)),
        there=finished,
        splits=lambda wildcards: stamp(DRAWN_SPLITS),
    shell:
        r"""
        exec python -m red_herring.stages.collect_incomplete \
            --settings {params.settings:q} \
            --results {params.results:q} \
            --runs {output.runs:q} \
            --localisation {output.localisation:q} \
            --histories {output.histories:q} \
            --trials {output.trials:q} \
            --searches {output.searches:q} \
            --missing {output.missing:q} \
            --overlaps {output.overlaps:q} \
            --log {log:q}
        """


# The authors' released runs.
rule collect_published:
    output:
        runs="results/published/runs.csv",
        localisation="results/published/localisation.csv",
        trials="results/published/trials.csv",
        searches="results/published/searches.csv",
        missing="results/published/missing.csv",
        overlaps="results/published/overlaps.csv",
    log:
        "results/published/logs/collect_published.log",
    benchmark:
        "results/published/benchmarks/collect_published.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        code=code("collect_published"),
        published=content(
            "reference/published_runs.csv",
            "reference/published_hyperparameters.csv",
            "reference/published_overlaps.csv",
        ),
    shell:
        r"""
        exec python -m red_herring.stages.collect_published \
            --runs {output.runs:q} \
            --localisation {output.localisation:q} \
            --trials {output.trials:q} \
            --searches {output.searches:q} \
            --missing {output.missing:q} \
            --overlaps {output.overlaps:q} \
            --log {log:q}
        """


rule bootstrap_auc:
    input:
        runs="{study}/runs.csv",
    output:
        intervals="{study}/auc_intervals.csv",
    log:
        "{study}/logs/bootstrap_auc.log",
    benchmark:
        "{study}/benchmarks/bootstrap_auc.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        code=code("bootstrap_auc"),
        predictions=f"{RESULTS}/runs",
    shell:
        r"""
        exec python -m red_herring.stages.bootstrap_auc \
            --runs {input.runs:q} \
            --predictions {params.predictions:q} \
            --intervals {output.intervals:q} \
            --log {log:q}
        """


rule render_table:
    input:
        files=made_of,
    output:
        csv="{study}/tables/{table}.csv",
        markdown="{study}/tables/{table}.md",
        latex="{study}/tables/{table}.tex",
        html=report("{study}/tables/{table}.html", category=categorised, labels=labelled, caption="../report/item.rst"),
    log:
        "{study}/logs/render_table/{table}.log",
    benchmark:
        "{study}/benchmarks/render_table/{table}.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=item_settings,
        code=item_code("render_table", "red_herring.results"),
        published=content("reference/published_tables.csv", "reference/published_runs.csv"),
        caption=lambda wildcards: item(wildcards).caption,
    shell:
        r"""
        exec python -m red_herring.stages.render_table \
            --settings {params.settings:q} \
            --table {wildcards.table} \
            --files {input.files:q} \
            --csv {output.csv:q} \
            --markdown {output.markdown:q} \
            --latex {output.latex:q} \
            --html {output.html:q} \
            --log {log:q}
        """


# What the splits hold: as drawn, and as planned from the metadata before there is any image.
SPLIT_COUNTS = {
    "splits": expand("<results>/splits/{task}/seed={seed}_counts.csv", task=TASKS, seed=SEEDS),
    "planned_splits": expand("<results>/splits/{task}/planned_counts.csv", task=TASKS),
}
SPLIT_OVERLAPS = {
    "splits": "<results>/overlaps.csv",
    "planned_splits": expand("<results>/splits/{task}/planned_overlaps.csv", task=TASKS),
}


# Apart from collect_runs, as it needs no run.
rule compare_splits:
    input:
        DRAWN_SPLITS,
    output:
        overlaps="<results>/overlaps.csv",
    log:
        "<results>/logs/compare_splits.log",
    benchmark:
        "<results>/benchmarks/compare_splits.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=settings(study.overlap_settings),
        code=code("compare_splits"),
        # The files are too many for a command line; the stage finds them where the inputs say they are.
        results=lambda wildcards, output: os.path.dirname(output.overlaps),
    shell:
        r"""
        exec python -m red_herring.stages.compare_splits \
            --settings {params.settings:q} \
            --results {params.results:q} \
            --overlaps {output.overlaps:q} \
            --log {log:q}
        """


rule tabulate_splits:
    input:
        counts=lambda wildcards: SPLIT_COUNTS[wildcards.splits],
        overlaps=lambda wildcards: SPLIT_OVERLAPS[wildcards.splits],
    output:
        csv=report("<results>/tables/{splits}.csv", category="Data", labels={"table": "{splits}"}),
        markdown="<results>/tables/{splits}.md",
    log:
        "<results>/logs/tabulate_splits/{splits}.log",
    benchmark:
        "<results>/benchmarks/tabulate_splits/{splits}.tsv"
    wildcard_constraints:
        splits="|".join(SPLIT_COUNTS),
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=settings(study.tabulate_settings),
        code=code("tabulate_splits"),
    shell:
        r"""
        exec python -m red_herring.stages.tabulate_splits \
            --settings {params.settings:q} \
            --counts {input.counts:q} \
            --overlaps {input.overlaps:q} \
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


# What the figures of images are drawn from.
DRAWN = expand("<results>/splits/{task}/seed={seed}.csv", task=TASKS, seed=SEEDS[0])
DECODED = expand("<results>/data/{source}/{file}", source=SOURCES, file=["images.npy", "masks.npy"])


rule render_figure:
    input:
        files=made_of,
    output:
        pdf="{study}/figures/{figure}.pdf",
        png=report("{study}/figures/{figure}.png", category=categorised, labels=labelled, caption="../report/item.rst"),
    log:
        "{study}/logs/render_figure/{figure}.log",
    benchmark:
        "{study}/benchmarks/render_figure/{figure}.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=item_settings,
        code=item_code("render_figure", "red_herring.results.figures"),
        module=lambda wildcards: item(wildcards).module,
        files=lambda wildcards, input: ["--files", *input] if input else [],
        caption=lambda wildcards: item(wildcards).caption,
    shell:
        r"""
        exec python -m red_herring.stages.render_figure \
            --settings {params.settings:q} \
            --figure {params.module} \
            {params.files:q} \
            --pdf {output.pdf:q} \
            --png {output.png:q} \
            --log {log:q}
        """


rule render_explorer:
    input:
        runs="{study}/runs.csv",
        localisation="{study}/localisation.csv",
        missing="{study}/missing.csv",
    output:
        html=report("{study}/explorer.html", category="Explorer", caption="../report/explorer.rst"),
    log:
        "{study}/logs/render_explorer.log",
    benchmark:
        "{study}/benchmarks/render_explorer.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=lambda wildcards: json.dumps(OF[wildcards.study] | {"title": wildcards.study}),
        code=code("render_explorer"),
        template=content("results/explorer.html"),
        # Our maps are not those of the released runs, which have none.
        maps=lambda wildcards: f"{PUBLISHED if wildcards.study == PUBLISHED else RESULTS}/saliency",
    shell:
        r"""
        exec python -m red_herring.stages.render_explorer \
            --settings {params.settings:q} \
            --runs {input.runs:q} \
            --localisation {input.localisation:q} \
            --missing {input.missing:q} \
            --maps {params.maps:q} \
            --html {output.html:q} \
            --log {log:q}
        """


rule render_overview:
    input:
        runs="{study}/runs.csv",
        missing="{study}/missing.csv",
        comparisons="{study}/tables/comparisons.csv",
        relation="{study}/tables/relation.csv",
        counts=lambda wildcards: SPLIT_COUNTS["splits"] if wildcards.study == RESULTS else [],
    output:
        rst=report("{study}/overview.rst", category="Overview", caption="../report/overview.rst"),
    log:
        "{study}/logs/render_overview.log",
    benchmark:
        "{study}/benchmarks/render_overview.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=lambda wildcards: json.dumps(OF[wildcards.study]),
        code=code("render_overview"),
        counts=lambda wildcards, input: ["--counts", *input.counts] if input.counts else [],
        records=f"{RESULTS}/runs",
    shell:
        r"""
        exec python -m red_herring.stages.render_overview \
            --settings {params.settings:q} \
            --runs {input.runs:q} \
            --missing {input.missing:q} \
            --comparisons {input.comparisons:q} \
            --relation {input.relation:q} \
            {params.counts:q} \
            --records {params.records:q} \
            --rst {output.rst:q} \
            --log {log:q}
        """


# A finished study to take along. No file of it is an input, as this must not make any.
rule release:
    output:
        archive="<results>/release.zip",
    log:
        "<results>/logs/release.log",
    benchmark:
        "<results>/benchmarks/release.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        settings=settings(study.release_settings),
        code=code("release"),
        results=lambda wildcards, output: os.path.dirname(output.archive),
        there=presented,
    shell:
        r"""
        exec python -m red_herring.stages.release \
            --settings {params.settings:q} \
            --results {params.results:q} \
            --archive {output.archive:q} \
            --log {log:q}
        """
