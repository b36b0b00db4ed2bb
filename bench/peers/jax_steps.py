"""The training steps in JAX: each is one jitted function with its optimizer.

Shapes: B batch, T tokens, N context tokens, D width, H heads, K head width, M latents, X segments, S tokens of a segment, R slots.
"""

import jax
import jax.numpy as jnp
import numpy as np

from workload import serve


def norm(x):
    centered = x - x.mean(-1, keepdims=True)
    return centered * jax.lax.rsqrt(jnp.square(centered).mean(-1, keepdims=True) + 1e-5)


def split_heads(x_BTD, heads):
    return x_BTD.reshape(*x_BTD.shape[:-1], heads, -1).swapaxes(-3, -2)


def join_heads(x_BHTK):
    x = x_BHTK.swapaxes(-3, -2)
    return x.reshape(*x.shape[:-2], -1)


def attend(q, k, v, causal=False):
    scores = q @ k.swapaxes(-1, -2) * q.shape[-1] ** -0.5
    if causal:
        scores = jnp.where(np.tri(scores.shape[-2], dtype=bool), scores, -1e9)
    return jax.nn.softmax(scores) @ v


def self_attention(p, name, x, heads, causal):
    q, k, v = (split_heads(part, heads) for part in jnp.split(x @ p[f"{name}.qkv.weight"], 3, -1))
    return join_heads(attend(q, k, v, causal)) @ p[f"{name}.out.weight"]


def cross_attention(p, name, x, memory, heads):
    q = split_heads(x @ p[f"{name}.q.weight"], heads)
    k, v = (split_heads(part, heads) for part in jnp.split(memory @ p[f"{name}.kv.weight"], 2, -1))
    return join_heads(attend(q, k, v)) @ p[f"{name}.out.weight"]


def feed_forward(p, name, x):
    return jax.nn.relu(x @ p[f"{name}.up.weight"]) @ p[f"{name}.down.weight"]


def block(p, name, x, heads, causal=False, memory=None):
    x = x + self_attention(p, f"{name}.self", norm(x), heads, causal)
    if memory is not None:
        x = x + cross_attention(p, f"{name}.cross", norm(x), memory, heads)
    return x + feed_forward(p, f"{name}.ffn", norm(x))


def affine(p, name, x):
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def cross_entropy(logits, target):
    """Of class indices, per row."""
    return jax.nn.logsumexp(logits, -1) - jnp.take_along_axis(logits, target[..., None], -1)[..., 0]


def weighted_mean(x, weights):
    return (x * weights).sum() / weights.sum()


def reference_loss(p, batch, spec):
    x = p["embed.weight"][batch["tokens"]] + p["embed.bias"] + p["positions"]
    for i in range(spec["layers"]):
        x = block(p, f"layer{i}", x, spec["heads"], causal=True)
    return cross_entropy(affine(p, "head", norm(x)), batch["targets"]).mean()


def encode(p, x, spec):
    """Tokens [B, N, F] → [B, N, D]; self-attention stays within `span` tokens."""
    h = affine(p, "compressor.embed", x) + p["compressor.embed.positions"]
    pieces = h.reshape(-1, spec["span"], h.shape[-1])
    for i in range(spec["encoderLayers"]):
        pieces = block(p, f"compressor.block{i}", pieces, spec["heads"])
    return norm(pieces).reshape(h.shape)


def latents_of(p, pooled):
    """Latents from what the learned queries [M, D] attended to, [B, M, D]."""
    z = p["compressor.queries"] + pooled @ p["compressor.pool.out.weight"]
    return z + feed_forward(p, "compressor.pool.ffn", norm(z))


def pool_contexts(p, h_BND, heads):
    """Learned queries attend to each context and a sink."""
    sink = jnp.broadcast_to(p["compressor.sink"], (h_BND.shape[0], 1, h_BND.shape[-1]))
    memory = jnp.concatenate([sink, h_BND], 1)
    q = split_heads(p["compressor.queries"] @ p["compressor.pool.q.weight"], heads)
    k, v = (split_heads(part, heads) for part in jnp.split(memory @ p["compressor.pool.kv.weight"], 2, -1))
    return join_heads(attend(q, k, v))


def pool_segments(p, h_XSD, slots_BR, heads):
    """The same for contexts that hold `slots` of encoded segments, each with the age of its slot.

    A score is that of the token plus that of the age. So each segment is pooled once, and a context averages its segments by their sums of
    exponentials.
    """
    q_HMK = split_heads(p["compressor.queries"] @ p["compressor.pool.q.weight"], heads)
    q_HMK = q_HMK * q_HMK.shape[-1] ** -0.5
    kv = p["compressor.pool.kv.weight"]
    k_XHSK, v_XHSK = (split_heads(part, heads) for part in jnp.split(h_XSD @ kv, 2, -1))
    # Rows 0 … R − 1 are the ages of the slots, the last row is the sink.
    extra = jnp.concatenate([p["compressor.embed.ages"][:, 0], p["compressor.sink"]])
    k_HRK, v_HRK = (split_heads(part, heads) for part in jnp.split(extra @ kv, 2, -1))
    scores_XHMS = q_HMK @ k_XHSK.swapaxes(-1, -2)
    sums_XHM = jax.nn.logsumexp(scores_XHMS, -1)
    pooled_XHMK = jnp.exp(scores_XHMS - sums_XHM[..., None]) @ v_XHSK
    extra_HMR = q_HMK @ k_HRK.swapaxes(-1, -2)
    B, R = slots_BR.shape
    segments_BHMR = jnp.moveaxis(sums_XHM[slots_BR], 1, -1) + extra_HMR[..., :R]
    sink_BHM1 = jnp.broadcast_to(extra_HMR[..., R:], (B, *extra_HMR.shape[:2], 1))
    weights = jax.nn.softmax(jnp.concatenate([segments_BHMR, sink_BHM1], -1))
    held_BRHMK = pooled_XHMK[slots_BR]
    out_BHMK = jnp.einsum("bhmr,brhmk->bhmk", weights[..., :R], held_BRHMK) + weights @ v_HRK
    return join_heads(out_BHMK)


def compress(p, batch, spec):
    if "slots" in batch:
        pooled = pool_segments(p, encode(p, batch["segments"], spec), batch["slots"], spec["poolHeads"])
    else:
        pooled = pool_contexts(p, encode(p, batch["context"], spec), spec["poolHeads"])
    return latents_of(p, pooled)


def action_logits(p, query, z, spec):
    memory = z + p["policy.latents.positions"]
    x = affine(p, "policy.embed", query) + p["policy.embed.positions"]
    for i in range(spec["decoderLayers"]):
        x = block(p, f"policy.block{i}", x, spec["heads"], causal=True, memory=memory)
    return affine(p, "policy.head", norm(x))


def reconstruction_loss(p, z, batch, spec):
    positions = p["decoder.positions"]
    if "rebuiltAt" in batch:
        z = z[batch["rebuiltAt"]]
    actual = batch["rebuilt"] if "rebuilt" in batch else batch["context"]
    predicted = affine(p, "decoder.head", positions + cross_attention(p, "decoder", positions, z, spec["heads"]))
    total = 0
    for field in spec["fields"]:
        columns = slice(field["offset"], field["offset"] + field["size"])
        own, target = predicted[..., columns], actual[..., columns]
        if field["kind"] == "categorical":
            error = -(target * jax.nn.log_softmax(own)).sum(-1)
        else:
            error = jnp.square(own - target).sum(-1)
        total = total + weighted_mean(error, actual[..., field["presence"]])
    return total / len(spec["fields"])


def finetuning_loss(p, batch, spec):
    z = compress(p, batch, spec)
    logits = action_logits(p, batch["query"], z, spec)
    error = -(batch["target"] * jax.nn.log_softmax(logits)).sum(-1)
    return weighted_mean(error, batch["weight"]) + spec["reconstruction"] * reconstruction_loss(p, z, batch, spec)


def prepare(workload, _variant):
    spec, options = workload.spec, workload.spec["optimizer"]
    workload.fuse_attention()
    loss_of = finetuning_loss if spec["kind"] == "finetuning" else reference_loss
    beta1, beta2 = options["beta1"], options["beta2"]

    def update(p, m, v, count, learning_rate, batch):
        loss, gradient = jax.value_and_grad(loss_of)(p, batch, spec)
        total = jnp.sqrt(sum(jnp.square(g).sum() for g in gradient.values()))
        scale = jnp.minimum(1, options["clip"] / jnp.maximum(total, 1e-12))
        next_p, next_m, next_v = {}, {}, {}
        for name, g in gradient.items():
            own, g = workload.rates[name], g * scale
            next_m[name] = beta1 * m[name] + (1 - beta1) * g
            next_v[name] = beta2 * v[name] + (1 - beta2) * jnp.square(g)
            corrected = jnp.sqrt(next_v[name] / (1 - beta2**count)) + 1e-8
            direction = next_m[name] / (1 - beta1**count) / corrected + own["weightDecay"] * p[name]
            next_p[name] = p[name] - learning_rate * own["rate"] * direction
        return next_p, next_m, next_v, loss, total

    jitted = jax.jit(update, donate_argnums=(0, 1, 2))
    batch = jax.tree.map(jnp.array, workload.batch)
    p = jax.tree.map(jnp.array, workload.parameters)
    state = p, jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p)
    steps = 0

    def step():
        nonlocal steps, state
        steps += 1
        *state, loss, total = jitted(*state, np.float32(steps), np.float32(workload.learning_rate(steps)), batch)
        return float(loss), float(total)

    return step


if __name__ == "__main__":
    serve({"jax": jax.__version__}, prepare)
