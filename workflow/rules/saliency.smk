"""Saliency: the attribution maps of every run on all its positive test images, scored against the ROI masks."""


rule attribute:
    input:
        prepared("masks.npy"),
        prepared("source.json"),
        split="<results>/splits/{task}/seed={seed}.csv",
        images=prepared("images.npy"),
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
        flags=flags,
        settings=settings(study.attribute_settings, "task"),
        code=code("attribute"),
    shell:
        stage("attribute", "params.settings", "wildcards.seed", "threads")
