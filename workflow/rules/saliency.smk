"""Saliency: the attribution maps of every run on all its positive test images, scored against the ROI masks."""


rule attribute:
    input:
        split="<results>/splits/{task}/seed={seed}.csv",
        images=prepared("images.npy"),
        masks=prepared("masks.npy"),
        about=prepared("source.json"),
        model="<results>/runs/{task}/{method}/seed={seed}/model.safetensors",
    output:
        scores="<results>/saliency/{task}/{method}/seed={seed}/{attribution}.csv",
        means="<results>/saliency/{task}/{method}/seed={seed}/{attribution}.npy",
    log:
        "<results>/logs/attribute/{task}/{method}/seed={seed}/{attribution}.log",
    benchmark:
        "<results>/benchmarks/attribute/{task}/{method}/seed={seed}/{attribution}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 1
    params:
        settings=settings(study.attribute_settings, "task"),
        code=code("attribute"),
    shell:
        r"""
        exec python -m red_herring.stages.attribute \
            --settings {params.settings:q} \
            --attribution {wildcards.attribution} \
            --split {input.split:q} \
            --images {input.images:q} \
            --model {input.model:q} \
            --seed {wildcards.seed} \
            --scores {output.scores:q} \
            --means {output.means:q} \
            --threads {threads} \
            --log {log:q}
        """
