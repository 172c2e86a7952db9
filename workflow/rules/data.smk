"""From images to controlled splits.

A source is listed from its metadata, its images are decoded once, and every task draws one split per seed from them.
"""


rule index_source:
    input:
        csv=lambda wildcards: config["sources"][wildcards.source].get("csvpath") or [],
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
    shell:
        r"""
        python -m red_herring.stages.index_source \
            --settings {params.settings:q} \
            --index {output.index:q} \
            --log {log:q}
        """


rule prepare_images:
    input:
        index="<results>/data/{source}/index.csv",
    output:
        images="<results>/data/{source}/images.npy",
        masks="<results>/data/{source}/masks.npy",
        quarantine="<results>/data/{source}/quarantine.csv",
        about="<results>/data/{source}/source.json",
    log:
        "<results>/logs/prepare_images/{source}.log",
    benchmark:
        "<results>/benchmarks/prepare_images/{source}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 4
    params:
        settings=settings(study.prepare_settings, "source"),
        code=code("prepare_images", "red_herring.data.sources.{kind}"),
    shell:
        r"""
        python -m red_herring.stages.prepare_images \
            --settings {params.settings:q} \
            --index {input.index:q} \
            --images {output.images:q} \
            --masks {output.masks:q} \
            --quarantine {output.quarantine:q} \
            --about {output.about:q} \
            --threads {threads} \
            --log {log:q}
        """


rule draw_splits:
    input:
        index=prepared("index.csv"),
        quarantine=prepared("quarantine.csv"),
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
        python -m red_herring.stages.draw_splits \
            --settings {params.settings:q} \
            --index {input.index:q} \
            --seed {wildcards.seed} \
            --split {output.split:q} \
            --counts {output.counts:q} \
            --log {log:q}
        """
