"""From images to controlled splits.

Images that are not at hand are fetched, by torrent or over HTTPS. A source is listed from its metadata, its images are
decoded once, and every task draws one split per seed from them. A task that trains with generated images as well has
the split of the task that it is of, and these.
"""


# Runs where Snakemake runs, the login node of a cluster, as the others seldom see the internet.
rule fetch_source:
    output:
        fetched="<results>/data/{source}/fetched.json",
    log:
        "<results>/logs/fetch_source/{source}.log",
    benchmark:
        "<results>/benchmarks/fetch_source/{source}.tsv"
    wildcard_constraints:
        source=any_of(FETCHED) or "none",
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    resources:
        # How the images are fetched makes no difference, and a changed resource, other than a parameter, reruns nothing.
        network=lambda wildcards: dumped(study.network_settings(config, wildcards.source)),
    params:
        flags=flags,
        # Nor does it matter by what code: the hash or the checksum says what is fetched.
        settings=settings(study.origin_settings, "source"),
    shell:
        stage("fetch_source", "params.settings", "resources.network")


rule index_source:
    input:
        table,
        fetched=lambda wildcards: fetched(wildcards) if study.metadata_are_fetched(config, wildcards.source) else [],
    output:
        index="<results>/data/{source}/index.csv",
    log:
        "<results>/logs/index_source/{source}.log",
    benchmark:
        "<results>/benchmarks/index_source/{source}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(study.index_settings, "source"),
        code=code("index_source", "red_herring.data.sources.{kind}"),
    shell:
        stage("index_source", "params.settings")


rule prepare_images:
    input:
        table,
        index="<results>/data/{source}/index.csv",
        fetched=fetched,
    output:
        images="<results>/data/{source}/images.npy",
        masks="<results>/data/{source}/masks.npy",
        decoded="<results>/data/{source}/decoded.csv",
        quarantine="<results>/data/{source}/quarantine.csv",
        about="<results>/data/{source}/source.json",
    log:
        "<results>/logs/prepare_images/{source}.log",
    benchmark:
        "<results>/benchmarks/prepare_images/{source}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: CORES
    params:
        flags=flags,
        settings=settings(study.prepare_settings, "source"),
        code=code("prepare_images", "red_herring.data.sources.{kind}"),
    shell:
        stage("prepare_images", "params.settings", "threads")


# As fetch_source.
rule fetch_weights:
    output:
        fetched="<results>/weights/fetched.json",
    log:
        "<results>/logs/fetch_weights.log",
    benchmark:
        "<results>/benchmarks/fetch_weights.tsv"
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    resources:
        network=lambda wildcards: dumped(study.weights_network_settings(config)),
    params:
        flags=flags,
        settings=settings(study.weights_settings),
    shell:
        stage("fetch_weights", "params.settings", "resources.network")


rule segment_images:
    input:
        images="<results>/data/{source}/images.npy",
        decoded="<results>/data/{source}/decoded.csv",
        about="<results>/data/{source}/source.json",
        weights=weights,
        fetched=fetched_weights,
    output:
        anatomy="<results>/data/{source}/anatomy.npy",
        shares="<results>/data/{source}/anatomy.csv",
        record="<results>/data/{source}/anatomy.json",
    log:
        "<results>/logs/segment_images/{source}.log",
    benchmark:
        "<results>/benchmarks/segment_images/{source}.tsv"
    wildcard_constraints:
        source=any_of(ANATOMY) or "none",
    conda:
        "../../envs/red_herring.yaml"
    threads: CORES
    resources:
        gpu=GPU,
    params:
        flags=flags,
        settings=settings(study.segment_settings, "source"),
        code=code("segment_images"),
    shell:
        stage("segment_images", "params.settings", "threads")


rule draw_splits:
    input:
        drawn_from("decoded.csv"),
        base_split("_counts"),
        index=drawn_from("index.csv"),
        base=base_split(),
        generated=lambda wildcards: generated_of(wildcards.task, wildcards.seed, "index.csv"),
    output:
        split="<results>/splits/{task}/seed={seed}.csv",
        counts="<results>/splits/{task}/seed={seed}_counts.csv",
    log:
        "<results>/logs/draw_splits/{task}/seed={seed}.log",
    benchmark:
        "<results>/benchmarks/draw_splits/{task}/seed={seed}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(study.split_settings, "task"),
        code=code("draw_splits"),
    shell:
        stage("draw_splits", "params.settings", "wildcards.seed")


# How many images each split will have and share with others, before there is any image.
rule plan_splits:
    input:
        index=prepared("index.csv"),
    output:
        counts="<results>/splits/{task}/planned_counts.csv",
        overlaps="<results>/splits/{task}/planned_overlaps.csv",
    log:
        "<results>/logs/plan_splits/{task}.log",
    benchmark:
        "<results>/benchmarks/plan_splits/{task}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(study.plan_settings, "task"),
        code=code("plan_splits"),
    shell:
        stage("plan_splits", "params.settings")
