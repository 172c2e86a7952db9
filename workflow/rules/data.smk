"""From images to controlled splits.

Images that are not at hand are fetched, by torrent or over HTTPS. A source is listed from its metadata, its images are
decoded once, and every task draws one split per seed from them.
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
        source="|".join(FETCHED) or "none",
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    resources:
        # How the images are fetched makes no difference, and a changed resource, other than a parameter, reruns nothing.
        network=lambda wildcards: json.dumps(study.network_settings(config, wildcards.source)),
    params:
        # Nor does it matter by what code: the hash or the checksum says what is fetched.
        settings=settings(study.origin_settings, "source"),
    shell:
        r"""
        exec python -m red_herring.stages.fetch_source \
            --settings {params.settings:q} \
            --network {resources.network:q} \
            --fetched {output.fetched:q} \
            --log {log:q}
        """


rule index_source:
    input:
        csv=table,
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
        settings=settings(study.index_settings, "source"),
        code=code("index_source", "red_herring.data.sources.{kind}"),
        fetched=option("fetched"),
    shell:
        r"""
        exec python -m red_herring.stages.index_source \
            --settings {params.settings:q} \
            {params.fetched:q} \
            --index {output.index:q} \
            --log {log:q}
        """


rule prepare_images:
    input:
        index="<results>/data/{source}/index.csv",
        csv=table,
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
        settings=settings(study.prepare_settings, "source"),
        code=code("prepare_images", "red_herring.data.sources.{kind}"),
        fetched=option("fetched"),
    shell:
        r"""
        exec python -m red_herring.stages.prepare_images \
            --settings {params.settings:q} \
            --index {input.index:q} \
            {params.fetched:q} \
            --images {output.images:q} \
            --masks {output.masks:q} \
            --decoded {output.decoded:q} \
            --quarantine {output.quarantine:q} \
            --about {output.about:q} \
            --threads {threads} \
            --log {log:q}
        """


rule draw_splits:
    input:
        index=prepared("index.csv"),
        decoded=prepared("decoded.csv"),
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
        settings=settings(study.split_settings, "task"),
        code=code("draw_splits"),
    shell:
        r"""
        exec python -m red_herring.stages.draw_splits \
            --settings {params.settings:q} \
            --index {input.index:q} \
            --seed {wildcards.seed} \
            --split {output.split:q} \
            --counts {output.counts:q} \
            --log {log:q}
        """


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
        settings=settings(study.plan_settings, "task"),
        code=code("plan_splits"),
    shell:
        r"""
        exec python -m red_herring.stages.plan_splits \
            --settings {params.settings:q} \
            --index {input.index:q} \
            --counts {output.counts:q} \
            --overlaps {output.overlaps:q} \
            --log {log:q}
        """
