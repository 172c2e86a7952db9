"""Report: tidy tables of all runs, then the tables, figures and pages of the study, each from small files only.

These rules take seconds each: all but the data sheets run where Snakemake runs, the login node of a cluster.
"""

RELEASED_TABLES = ["runs", "localisation", "trials", "searches", "missing"]
STUDY_TABLES = ["runs", "measures", "trials", "searches", "missing", "histories"]


rule collect_runs:
    input:
        RUNS,
        of_runs("<results>/runs/{task}/{method}/seed={seed}/history.csv"),
        of_searches("trials.csv"),
    output:
        tables=expand("<results>/{table}.csv", table=STUDY_TABLES),
    log:
        "<results>/logs/collect_runs.log",
    benchmark:
        "<results>/benchmarks/collect_runs.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(study.collect_settings),
        code=code("collect_runs"),
        # The files are too many for a command line; the stage finds them where the inputs say they are.
        results=lambda wildcards, output: os.path.dirname(output.tables[0]),
    shell:
        stage("collect_runs", "params.settings", "params.results")


# The runs that are there, when some are not. No run is an input, as this must not make any.
rule collect_incomplete:
    output:
        tables=expand("<results>/incomplete/{table}.csv", table=[*STUDY_TABLES, *ANALYSES, "overlaps"]),
    log:
        "<results>/logs/collect_incomplete.log",
    benchmark:
        "<results>/benchmarks/collect_incomplete.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(study.incomplete_settings),
        code=code("collect_incomplete"),
        results=lambda wildcards, output: os.path.dirname(os.path.dirname(output.tables[0])),
        there=finished,
        splits=lambda wildcards: stamp(DRAWN_SPLITS),
    shell:
        stage("collect_incomplete", "params.settings", "params.results")


# The authors' released runs.
rule collect_published:
    output:
        tables=expand("results/published/{table}.csv", table=[*RELEASED_TABLES, "overlaps"]),
    log:
        "results/published/logs/collect_published.log",
    benchmark:
        "results/published/benchmarks/collect_published.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        code=code("collect_published"),
        published=content(
            "reference/published_runs.csv",
            "reference/published_hyperparameters.csv",
            "reference/published_overlaps.csv",
        ),
    shell:
        stage("collect_published")


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
        flags=flags,
        code=code("bootstrap_auc"),
        predictions=f"{RESULTS}/runs",
    shell:
        stage("bootstrap_auc", "params.predictions")


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
        flags=flags,
        settings=item_settings,
        code=item_code("render_table", items.TABLES),
        published=content("reference/published_tables.csv", "reference/published_runs.csv"),
        table=lambda wildcards: item(wildcards).module,
        caption=lambda wildcards: item(wildcards).caption,
    shell:
        stage("render_table", "params.settings", "params.table")


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
        flags=flags,
        settings=settings(study.overlap_settings),
        code=code("compare_splits"),
        # The files are too many for a command line; the stage finds them where the inputs say they are.
        results=lambda wildcards, output: os.path.dirname(output.overlaps),
    shell:
        stage("compare_splits", "params.settings", "params.results")


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
        splits=any_of(SPLIT_COUNTS),
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(study.tabulate_settings),
        code=code("tabulate_splits"),
    shell:
        stage("tabulate_splits", "params.settings")


rule render_data_sheet:
    input:
        index="<results>/data/{source}/index.csv",
        decoded="<results>/data/{source}/decoded.csv",
        about="<results>/data/{source}/source.json",
        anatomy=lambda wildcards: "<results>/data/{source}/anatomy.csv" if wildcards.source in ANATOMY else [],
    output:
        markdown="<results>/data/{source}/data_sheet.md",
        pdf="<results>/data/{source}/data_sheet.pdf",
        png=report(
            "<results>/data/{source}/data_sheet.png",
            category=DATA_SHEET.category,
            labels={"source": "{source}"},
            caption="../report/item.rst",
        ),
    log:
        "<results>/logs/render_data_sheet/{source}.log",
    benchmark:
        "<results>/benchmarks/render_data_sheet/{source}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(study.sheet_settings, "source"),
        code=code("render_data_sheet"),
        caption=DATA_SHEET.caption,
    shell:
        stage("render_data_sheet", "params.settings")


# What the figures of images are drawn from.
DRAWN = expand("<results>/splits/{task}/seed={seed}.csv", task=TASKS, seed=SEEDS[0])
DECODED = expand("<results>/data/{source}/{file}", source=SOURCES, file=["images.npy", "masks.npy"])
DECODED += expand("<results>/data/{source}/anatomy.npy", source=ANATOMY)


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
        flags=flags,
        settings=item_settings,
        code=item_code("render_figure", items.FIGURES),
        figure=lambda wildcards: item(wildcards).module,
        caption=lambda wildcards: item(wildcards).caption,
    shell:
        stage("render_figure", "params.settings", "params.figure")


rule render_explorer:
    input:
        files=lambda wildcards: [
            f"{wildcards.study}/{file}" for file in items.files_of(EXPLORER, MADE[wildcards.study])
        ],
    output:
        html=report("{study}/explorer.html", category=EXPLORER.category, caption="../report/item.rst"),
    log:
        "{study}/logs/render_explorer.log",
    benchmark:
        "{study}/benchmarks/render_explorer.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=lambda wildcards: dumped(study.showing(OF[wildcards.study] | {"title": wildcards.study})),
        code=code("render_explorer"),
        template=content("report/pages/explorer.html"),
        # Our maps are not those of the released runs, which have none.
        maps=lambda wildcards: f"{ARRAYS_OF[wildcards.study]}/localisation",
        caption=EXPLORER.caption,
    shell:
        stage("render_explorer", "params.settings", "params.maps")


rule render_overview:
    input:
        files=expand("{{study}}/{file}", file=OVERVIEW.files),
        counts=lambda wildcards: SPLIT_COUNTS["splits"] if wildcards.study == RESULTS else [],
    output:
        rst=report("{study}/overview.rst", category=OVERVIEW.category, caption="../report/item.rst"),
    log:
        "{study}/logs/render_overview.log",
    benchmark:
        "{study}/benchmarks/render_overview.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=lambda wildcards: dumped(study.showing(OF[wildcards.study])),
        code=code("render_overview"),
        records=f"{RESULTS}/runs",
        caption=OVERVIEW.caption,
    shell:
        stage("render_overview", "params.settings", "params.records")


# What readers are asked of the models of a study with signals: a page for those who are not told of these, one for those
# who are, and the key to both.
rule reader:
    input:
        files=explained,
    output:
        blinded="<results>/reader/blinded.html",
        unblinded="<results>/reader/unblinded.html",
        key="<results>/reader/key.csv",
    log:
        "<results>/logs/reader.log",
    benchmark:
        "<results>/benchmarks/reader.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(study.reader_settings),
        code=code("reader"),
        template=content("report/pages/reader.html"),
        results=lambda wildcards, output: os.path.dirname(os.path.dirname(output.key)),
    shell:
        stage("reader", "params.settings", "params.results")


# What they said, from the files that they saved.
rule reader_results:
    input:
        key="<results>/reader/key.csv",
        answers=given_answers,
    output:
        csv="<results>/reader/results.csv",
        markdown="<results>/reader/results.md",
    log:
        "<results>/logs/reader_results.log",
    benchmark:
        "<results>/benchmarks/reader_results.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        code=code("reader_results"),
    shell:
        stage("reader_results")


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
        flags=flags,
        settings=lambda wildcards: dumped(
            study.release_settings(
                config, list(TABLES[RESULTS]), {name: of.shows_images for name, of in FIGURES[RESULTS].items()}
            )
        ),
        code=code("release"),
        results=lambda wildcards, output: os.path.dirname(output.archive),
        there=presented,
    shell:
        stage("release", "params.settings", "params.results")
