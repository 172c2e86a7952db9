"""Saliency: the attribution maps of every run on all its positive test images, scored against the ROI masks."""


rule attribute:
    input:
        split="<results>/splits/{task}/seed={seed}.csv",
        images=prepared("images.npy"),
        masks=prepared("masks.npy"),
        about=prepared("source.json"),
        model="<results>/runs/{task}/{method}/seed={seed}/model.safetensors",
    output:
        scores=expand(
            "<results>/saliency/{{task}}/{{method}}/seed={{seed}}/{attribution}.csv", attribution=ATTRIBUTIONS
        ),
        means=expand("<results>/saliency/{{task}}/{{method}}/seed={{seed}}/{attribution}.npy", attribution=ATTRIBUTIONS),
        examples="<results>/saliency/{task}/{method}/seed={seed}/examples.csv",
        example_maps="<results>/saliency/{task}/{method}/seed={seed}/examples.npy",
    log:
        "<results>/logs/attribute/{task}/{method}/seed={seed}.log",
    benchmark:
        "<results>/benchmarks/attribute/{task}/{method}/seed={seed}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        settings=settings(study.attribute_settings, "task"),
        code=code("attribute"),
    shell:
        r"""
        exec python -m red_herring.stages.attribute \
            --settings {params.settings:q} \
            --split {input.split:q} \
            --images {input.images:q} \
            --model {input.model:q} \
            --seed {wildcards.seed} \
            --scores {output.scores:q} \
            --means {output.means:q} \
            --examples {output.examples:q} \
            --example-maps {output.example_maps:q} \
            --threads {threads} \
            --log {log:q}
        """
