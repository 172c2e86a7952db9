"""Generation: detectors that are trained with few boxes and with further images, and images that their runs generate for
the training of classifiers.
"""


# One for all arms that have one, before there is a detector.
rule pretrain_generator:
    input:
        masks(),
        read("source.json"),
        split="<results>/splits/{task}/seed={seed}.csv",
        images=read("images.npy"),
    output:
        generator="<results>/generators/{task}/n={n_real}/seed={seed}/generator.safetensors",
        history="<results>/generators/{task}/n={n_real}/seed={seed}/history.csv",
        usage="<results>/generators/{task}/n={n_real}/seed={seed}/usage.csv",
    log:
        "<results>/logs/pretrain_generator/{task}/n={n_real}/seed={seed}.log",
    benchmark:
        "<results>/benchmarks/pretrain_generator/{task}/n={n_real}/seed={seed}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        flags=flags,
        settings=before_detectors,
        code=code("pretrain_generator"),
    shell:
        stage("pretrain_generator", "params.settings", "wildcards.seed", "threads")


# On the run of the first seed.
rule tune_detector:
    input:
        masks(SEEDS[0]),
        read("source.json", SEEDS[0]),
        split=f"<results>/splits/{{task}}/seed={SEEDS[0]}.csv",
        images=read("images.npy", SEEDS[0]),
        generator=generator_of(SEEDS[0]),
    output:
        trials="<results>/detectors/{task}/{arm}/n={n_real}/trials.csv",
        best="<results>/detectors/{task}/{arm}/n={n_real}/best.json",
    log:
        "<results>/logs/tune_detector/{task}/{arm}/n={n_real}.log",
    benchmark:
        "<results>/benchmarks/tune_detector/{task}/{arm}/n={n_real}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        flags=flags,
        settings=of_detector(detection.searching_settings),
        code=code("tune_detector"),
    shell:
        stage("tune_detector", "params.settings", "threads")


rule train_detector:
    input:
        masks(),
        read("source.json"),
        split="<results>/splits/{task}/seed={seed}.csv",
        images=read("images.npy"),
        generator=generator_of(),
        hyperparameters=lambda wildcards: (
            f"<results>/detectors/{wildcards.task}/{wildcards.arm}/n={wildcards.n_real}/best.json"
            if detection.is_searched(config, wildcards.arm)
            else []
        ),
    output:
        weights="<results>/detectors/{task}/{arm}/n={n_real}/seed={seed}/weights.safetensors",
        history="<results>/detectors/{task}/{arm}/n={n_real}/seed={seed}/history.csv",
        predictions="<results>/detectors/{task}/{arm}/n={n_real}/seed={seed}/predictions.csv",
        truths="<results>/detectors/{task}/{arm}/n={n_real}/seed={seed}/truths.csv",
        measures="<results>/detectors/{task}/{arm}/n={n_real}/seed={seed}/measures.csv",
        usage="<results>/detectors/{task}/{arm}/n={n_real}/seed={seed}/usage.csv",
        shown="<results>/detectors/{task}/{arm}/n={n_real}/seed={seed}/shown.safetensors",
        record="<results>/detectors/{task}/{arm}/n={n_real}/seed={seed}/run.json",
    log:
        "<results>/logs/train_detector/{task}/{arm}/n={n_real}/seed={seed}.log",
    benchmark:
        "<results>/benchmarks/train_detector/{task}/{arm}/n={n_real}/seed={seed}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        flags=flags,
        settings=of_detector(detection.training_settings),
        code=code("train_detector"),
    shell:
        stage("train_detector", "params.settings", "wildcards.seed", "threads")


# A source of their own, for one task and seed.
rule generate_images:
    input:
        masks(),
        read("source.json"),
        read("index.csv"),
        split="<results>/splits/{task}/seed={seed}.csv",
        images=read("images.npy"),
        weights=lambda wildcards: (
            f"<results>/detectors/{wildcards.task}/{wildcards.arm}/n={wildcards.n_real}/seed={wildcards.seed}/"
            "weights.safetensors"
            if detection.is_generated(config, wildcards.arm)
            else []
        ),
    output:
        generated="<results>/generated/{task}/{arm}/n={n_real}/seed={seed}/generated/images.npy",
        masks="<results>/generated/{task}/{arm}/n={n_real}/seed={seed}/generated/masks.npy",
        index="<results>/generated/{task}/{arm}/n={n_real}/seed={seed}/generated/index.csv",
        about="<results>/generated/{task}/{arm}/n={n_real}/seed={seed}/generated/source.json",
    log:
        "<results>/logs/generate_images/{task}/{arm}/n={n_real}/seed={seed}.log",
    benchmark:
        "<results>/benchmarks/generate_images/{task}/{arm}/n={n_real}/seed={seed}.tsv"
    conda:
        "../../envs/red_herring.yaml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        flags=flags,
        settings=of_detector(detection.detecting_settings),
        code=code("generate_images"),
    shell:
        stage("generate_images", "params.settings", "wildcards.seed", "threads")


# What all detectors measured and took, and how arms compare; or those that are there when some are not, of which none is
# an input, as this must not make any.
rule collect_detection:
    input:
        lambda wildcards: DETECTORS if wildcards.study == RESULTS else [],
    output:
        measured="{study}/detection.csv",
        used="{study}/detection_usage.csv",
        compared="{study}/detection_comparisons.csv",
    log:
        "{study}/logs/collect_detection.log",
    benchmark:
        "{study}/benchmarks/collect_detection.tsv"
    wildcard_constraints:
        study=any_of([RESULTS, INCOMPLETE]),
    localrule: True
    conda:
        "../../envs/red_herring.yaml"
    params:
        flags=flags,
        settings=settings(detection.collecting_detection_settings),
        code=code("collect_detection"),
        # The files are too many for a command line; the stage finds them where the inputs say they are.
        detectors=f"{RESULTS}/detectors",
        there=lambda wildcards: stamp(DETECTORS) if wildcards.study == INCOMPLETE else "",
    shell:
        stage("collect_detection", "params.settings", "params.detectors")
