"""The keys of a darknet `.cfg` that only its training reads, and the names of its sections."""

SECTIONS = {  # darknet has two names for some
    "net": "net",
    "network": "net",
    "convolutional": "convolutional",
    "conv": "convolutional",
    "maxpool": "maxpool",
    "max": "maxpool",
    "route": "route",
    "upsample": "upsample",
    "region": "region",
    "yolo": "yolo",
}

_LAYERS = frozenset(
    ("burnin_update", "dont_update", "learning_rate", "onlyforward", "stopbackward",
     "train_only_bn")
)  # fmt: skip

ONLY_FOR_TRAINING = {
    "net": frozenset(
        ("B1", "B2", "adam", "adversarial_lr", "angle", "aspect", "badlabels_rejection_percentage",
         "batch", "blur", "burn_in", "cutmix", "decay", "dynamic_minibatch", "ema_alpha", "eps",
         "equidistant_point", "exposure", "flip", "gamma", "gaussian_noise", "hue",
         "label_smooth_eps", "learning_rate", "loss_scale", "max_batches", "max_chart_loss",
         "max_crop", "min_crop", "mixup", "momentum", "mosaic", "mosaic_bound",
         "num_sigmas_reject_badlabels", "optimized_memory", "policy", "power", "saturation",
         "scale", "scales", "seq_scales", "step", "steps", "subdivisions", "try_fix_nan",
         "weights_reject_freq", "workspace_size_limit_MB")
    ),
    "convolutional": _LAYERS,
    "maxpool": _LAYERS,
    "route": _LAYERS,
    "upsample": _LAYERS,
    "region": _LAYERS
    | frozenset(
        ("absolute", "bias_match", "class_scale", "coord_scale", "focal_loss", "jitter", "max",
         "noobject_scale", "object_scale", "random", "rescore", "thresh")
    ),
    "yolo": _LAYERS
    | frozenset(
        ("cls_normalizer", "counters_per_class", "delta_normalizer", "focal_loss", "ignore_thresh",
         "iou_loss", "iou_normalizer", "iou_thresh", "iou_thresh_kind", "jitter",
         "label_smooth_eps", "max", "max_delta", "obj_normalizer", "objectness_smooth", "random",
         "resize", "truth_thresh")
    ),
}  # fmt: skip
