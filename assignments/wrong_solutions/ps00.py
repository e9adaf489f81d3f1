# ruff: noqa: F811, F821 (each cell stands in the place of another, and uses the names of its notebook)

# %% wrong="leaves_the_dots" cell="name" loses=2 visible=false
# Forgot the name.
NAME = ...

# %% wrong="keeps_a_placeholder" cell="name" loses=1 visible=true
# Wrote what stands in every example, and shares the numbers with whoever did the same.
NAME = "Student"


# %% wrong="forgets_the_bias" cell="count_parameters" loses=2 visible=false
# Counts weights only.
def count_parameters(layers):
    return sum(layer["inputs"] * layer["outputs"] * layer.get("kernel", 1) ** 2 for layer in layers)


# %% wrong="one_bias_a_layer" cell="count_parameters" loses=2 visible=false
# Takes the bias for one number.
def count_parameters(layers):
    return sum(layer["inputs"] * layer["outputs"] * layer.get("kernel", 1) ** 2 + 1 for layer in layers)


# %% wrong="always_three" cell="count_parameters" loses=1 visible=true
# Takes every window for 3 x 3, as the classifier's are.
def count_parameters(layers):
    total = 0
    for layer in layers:
        window = 9 if layer["kind"] == "conv" else 1
        total += layer["inputs"] * layer["outputs"] * window + (layer["outputs"] if layer.get("bias", True) else 0)
    return total


# %% wrong="always_a_bias" cell="count_parameters" loses=1 visible=true
# Never looks whether a layer has a bias.
def count_parameters(layers):
    return sum((layer["inputs"] * layer.get("kernel", 1) ** 2 + 1) * layer["outputs"] for layer in layers)


# %% wrong="counts_the_output_again" cell="gpt_parameters" loses=1 visible=false
# Forgets that the output reuses the table of characters.
def gpt_parameters(vocabulary, time, layers, width):
    return (2 * vocabulary + time) * width + layers * (12 * width**2 + 13 * width) + 2 * width


# %% wrong="only_twelve_squares" cell="gpt_parameters" loses=1 visible=false
# Takes the rule of thumb for the count.
def gpt_parameters(vocabulary, time, layers, width):
    return 12 * layers * width**2


# %% wrong="square_table_of_places" cell="gpt_parameters" loses=1 visible=true
# Takes a row of the table of places to be as long as the passage: right where time and width are equal.
def gpt_parameters(vocabulary, time, layers, width):
    return vocabulary * width + time * time + layers * (12 * width**2 + 13 * width) + 2 * width


# %% wrong="one_moment" cell="memory_bytes" loses=2 visible=false
# Knows momentum, and not AdamW's second moment.
def memory_bytes(parameters, frozen=0):
    trained = parameters - frozen
    parts = {"weights": 4 * parameters, "gradients": 4 * trained, "moments": 4 * trained}
    return {**parts, "total": sum(parts.values()) + 4 * frozen}


# %% wrong="never_freezes" cell="memory_bytes" loses=1 visible=false
# Takes a frozen parameter for a trained one.
def memory_bytes(parameters, frozen=0):
    return {
        "weights": 4 * parameters,
        "gradients": 4 * parameters,
        "moments": 8 * parameters,
        "total": 16 * parameters,
    }


# %% wrong="all_or_nothing" cell="memory_bytes" loses=1 visible=true
# Takes a model with anything frozen for one that is frozen whole.
def memory_bytes(parameters, frozen=0):
    trained = 0 if frozen else parameters
    return {
        "weights": 4 * parameters,
        "gradients": 4 * trained,
        "moments": 8 * trained,
        "total": 4 * parameters + 12 * trained,
    }


# %% wrong="one_operation_a_weight" cell="forward_flops" loses=2 visible=false
# Counts a multiplication and an addition as one.
def forward_flops(layers, batch=1):
    total = 0
    for layer in layers:
        uses = layer["height"] * layer["width"] * layer["kernel"] ** 2 if layer["kind"] == "conv" else 1
        total += layer["inputs"] * layer["outputs"] * uses
    return batch * total


# %% wrong="counts_each_weight_once" cell="forward_flops" loses=2 visible=false
# Forgets that a convolution uses its weights at every pixel.
def forward_flops(layers, batch=1):
    return 2 * batch * sum(layer["inputs"] * layer["outputs"] * layer.get("kernel", 1) ** 2 for layer in layers)


# %% wrong="square_images" cell="forward_flops" loses=1 visible=true
# Takes the height for the width.
def forward_flops(layers, batch=1):
    total = 0
    for layer in layers:
        uses = layer["height"] ** 2 * layer["kernel"] ** 2 if layer["kind"] == "conv" else 1
        total += 2 * layer["inputs"] * layer["outputs"] * uses
    return batch * total


# %% wrong="guesses_the_kernel" cell="forward_flops" loses=2 visible=true
# Takes every window for 3 x 3.
def forward_flops(layers, batch=1):
    total = 0
    for layer in layers:
        uses = layer["height"] * layer["width"] * 9 if layer["kind"] == "conv" else 1
        total += 2 * layer["inputs"] * layer["outputs"] * uses
    return batch * total


# %% wrong="forward_only" cell="gpt_step_flops" loses=2 visible=false
# Forgets the backward pass.
def gpt_step_flops(vocabulary, time, layers, width, batch=1):
    return batch * time * (2 * (12 * layers * width**2 + vocabulary * width) + 4 * layers * time * width)


# %% wrong="no_attention" cell="gpt_step_flops" loses=2 visible=false
# Six FLOPs for each weight and character, as the rule of thumb has it.
def gpt_step_flops(vocabulary, time, layers, width, batch=1):
    return 6 * batch * time * (12 * layers * width**2 + vocabulary * width)


# %% wrong="attention_of_the_width" cell="gpt_step_flops" loses=2 visible=true
# Attention does not grow with the passage: right where time and width are equal.
def gpt_step_flops(vocabulary, time, layers, width, batch=1):
    return 3 * batch * time * (2 * (12 * layers * width**2 + vocabulary * width) + 4 * layers * width * width)


# %% wrong="one_long_passage" cell="gpt_step_flops" loses=1 visible=false
# Lets every character look at the passages of the whole batch.
def gpt_step_flops(vocabulary, time, layers, width, batch=1):
    characters = batch * time
    return 3 * characters * (2 * (12 * layers * width**2 + vocabulary * width) + 4 * layers * characters * width)


# %% wrong="drops_the_remainder" cell="training_time" loses=2 visible=false
# Leaves out what does not fill a batch.
def training_time(samples, batch, epochs, step_s, machines=1, efficiency=1.0):
    steps = epochs * (samples // (batch * machines))
    return {"steps": steps, "seconds": steps * step_s / efficiency}


# %% wrong="one_remainder_for_all_epochs" cell="training_time" loses=2 visible=true
# Lets an epoch begin in the last step of the one before.
def training_time(samples, batch, epochs, step_s, machines=1, efficiency=1.0):
    steps = ceil(epochs * samples / (batch * machines))
    return {"steps": steps, "seconds": steps * step_s / efficiency}


# %% wrong="shares_out_the_whole_run" cell="training_time" loses=2 visible=true
# Shares the steps of the whole run out among the machines, as if an epoch could end in the middle of a step.
def training_time(samples, batch, epochs, step_s, machines=1, efficiency=1.0):
    steps = ceil(epochs * ceil(samples / batch) / machines)
    return {"steps": steps, "seconds": steps * step_s / efficiency}


# %% wrong="whole_seconds" cell="training_time" loses=1 visible=true
# Rounds the time as if it were steps.
def training_time(samples, batch, epochs, step_s, machines=1, efficiency=1.0):
    steps = epochs * ceil(samples / (batch * machines))
    return {"steps": steps, "seconds": round(steps * step_s / efficiency)}


# %% wrong="multiplies_by_efficiency" cell="training_time" loses=2 visible=false
# Makes a machine faster the more it wastes.
def training_time(samples, batch, epochs, step_s, machines=1, efficiency=1.0):
    steps = epochs * ceil(samples / (batch * machines))
    return {"steps": steps, "seconds": steps * step_s * efficiency}


# %% wrong="fractions_of_a_step" cell="machines_needed" loses=1 visible=true
# Divides as lab 00 did, as if an epoch could end in the middle of a step.
def machines_needed(samples, batch, epochs, step_s, deadline_s, efficiency=1.0):
    if epochs * step_s / efficiency > deadline_s:
        return None
    return ceil(samples * epochs / batch * step_s / efficiency / deadline_s)


# %% wrong="always_possible" cell="machines_needed" loses=1 visible=false
# Counts whole steps, but pretends that at least one of them always fits.
def machines_needed(samples, batch, epochs, step_s, deadline_s, efficiency=1.0):
    return ceil(samples / (batch * max(1, floor(deadline_s * efficiency / (step_s * epochs)))))


# %% wrong="before_the_deadline" cell="machines_needed" loses=2 visible=false
# Takes "at the deadline" for too late.
def machines_needed(samples, batch, epochs, step_s, deadline_s, efficiency=1.0):
    for machines in range(1, ceil(samples / batch) + 1):
        if epochs * ceil(samples / (batch * machines)) * step_s / efficiency < deadline_s:
            return machines
    return None


# %% wrong="forgets_the_efficiency" cell="machines_needed" loses=3 visible=false
# Plans with the ideal speed.
def machines_needed(samples, batch, epochs, step_s, deadline_s, efficiency=1.0):
    steps_an_epoch = floor(deadline_s / (step_s * epochs))
    return ceil(samples / (batch * steps_an_epoch)) if steps_an_epoch else None


# %% wrong="one_machine_will_do" cell="my_plan" loses=1 visible=false
# Hugo's plan.
steps = order["epochs"] * ceil(order["samples"] / order["batch"])
MY_PLAN = {"machines": 1, "steps": steps, "hours": steps * order["step_s"] / order["efficiency"] / 3600}

# %% wrong="one_more_to_be_safe" cell="my_plan" loses=1 visible=true
# Maren's plan: in time, and one machine more than needed.
machines = machines_needed(**order) + 1
steps = order["epochs"] * ceil(order["samples"] / (order["batch"] * machines))
MY_PLAN = {"machines": machines, "steps": steps, "hours": steps * order["step_s"] / order["efficiency"] / 3600}

# %% wrong="hours_at_full_speed" cell="my_plan" loses=1 visible=true
# The right number of machines, with hours at the ideal speed.
machines = machines_needed(**order)
steps = order["epochs"] * ceil(order["samples"] / (order["batch"] * machines))
MY_PLAN = {"machines": machines, "steps": steps, "hours": steps * order["step_s"] / 3600}
