"""The training steps in PyTorch: eager, compiled, and each with bf16 autocast.

Shapes: B batch, T tokens, N context tokens, D width, H heads, K head width, M latents, X segments, S tokens of a segment, R slots.
"""

import contextlib
import os

import torch
import torch.nn.functional as F

from workload import serve

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def norm(x):
    return F.layer_norm(x, x.shape[-1:])


def split_heads(x_BTD, heads):
    return x_BTD.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(x_BHTK):
    return x_BHTK.transpose(1, 2).flatten(2)


def self_attention(p, name, x, heads, causal):
    q, k, v = (split_heads(part, heads) for part in F.linear(x, p[f"{name}.qkv.weight"]).chunk(3, -1))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return F.linear(join_heads(out), p[f"{name}.out.weight"])


def cross_attention(p, name, x, memory, heads):
    q = split_heads(F.linear(x, p[f"{name}.q.weight"]), heads)
    k, v = (split_heads(part, heads) for part in F.linear(memory, p[f"{name}.kv.weight"]).chunk(2, -1))
    q = q.expand(k.shape[0], -1, -1, -1)
    return F.linear(join_heads(F.scaled_dot_product_attention(q, k, v)), p[f"{name}.out.weight"])


def feed_forward(p, name, x):
    return F.linear(F.relu(F.linear(x, p[f"{name}.up.weight"])), p[f"{name}.down.weight"])


def block(p, name, x, heads, causal=False, memory=None):
    x = x + self_attention(p, f"{name}.self", norm(x), heads, causal)
    if memory is not None:
        x = x + cross_attention(p, f"{name}.cross", norm(x), memory, heads)
    return x + feed_forward(p, f"{name}.ffn", norm(x))


def affine(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def reference_loss(p, batch, spec):
    x = F.embedding(batch["tokens"], p["embed.weight"]) + p["embed.bias"] + p["positions"]
    for i in range(spec["layers"]):
        x = block(p, f"layer{i}", x, spec["heads"], causal=True)
    logits = affine(p, "head", norm(x))
    return F.cross_entropy(logits.flatten(0, 1), batch["targets"].flatten())


def encode(p, x, spec):
    """Tokens [B, N, F] → [B, N, D]; self-attention stays within `span` tokens."""
    h = affine(p, "compressor.embed", x) + p["compressor.embed.positions"]
    pieces = h.reshape(-1, spec["span"], h.shape[-1])
    for i in range(spec["encoderLayers"]):
        pieces = block(p, f"compressor.block{i}", pieces, spec["heads"])
    return norm(pieces).view_as(h)


def latents_of(p, pooled):
    """Latents from what the learned queries [M, D] attended to, [B, M, D]."""
    z = p["compressor.queries"] + F.linear(pooled, p["compressor.pool.out.weight"])
    return z + feed_forward(p, "compressor.pool.ffn", norm(z))


def pool_contexts(p, h_BND, heads):
    """Learned queries attend to each context and a sink."""
    memory = torch.cat([p["compressor.sink"].expand(h_BND.shape[0], 1, -1), h_BND], 1)
    q = split_heads(F.linear(p["compressor.queries"], p["compressor.pool.q.weight"])[None], heads)
    k, v = (split_heads(part, heads) for part in F.linear(memory, p["compressor.pool.kv.weight"]).chunk(2, -1))
    return join_heads(F.scaled_dot_product_attention(q.expand(h_BND.shape[0], -1, -1, -1), k, v))


def pool_segments(p, h_XSD, slots_BR, heads):
    """The same for contexts that hold `slots` of encoded segments, each with the age of its slot.

    A score is that of the token plus that of the age. So each segment is pooled once, and a context averages its segments by their sums of
    exponentials.
    """
    q_HMK = F.linear(p["compressor.queries"], p["compressor.pool.q.weight"]).unflatten(-1, (heads, -1)).transpose(0, 1)
    q_HMK = q_HMK * q_HMK.shape[-1] ** -0.5
    kv = p["compressor.pool.kv.weight"]
    k_XHSK, v_XHSK = (split_heads(part, heads) for part in F.linear(h_XSD, kv).chunk(2, -1))
    # Rows 0 … R − 1 are the ages of the slots, the last row is the sink.
    extra = torch.cat([p["compressor.embed.ages"].flatten(0, 1), p["compressor.sink"]])
    k_HRK, v_HRK = (part.unflatten(-1, (heads, -1)).transpose(0, 1) for part in F.linear(extra, kv).chunk(2, -1))
    scores_XHMS = q_HMK @ k_XHSK.transpose(-1, -2)
    sums_XHM = scores_XHMS.logsumexp(-1)
    pooled_XHMK = (scores_XHMS - sums_XHM[..., None]).exp() @ v_XHSK
    extra_HMR = q_HMK @ k_HRK.transpose(-1, -2)
    B, R = slots_BR.shape
    segments_BHMR = sums_XHM[slots_BR].permute(0, 2, 3, 1) + extra_HMR[..., :R]
    weights = torch.cat([segments_BHMR, extra_HMR[..., R:].expand(B, -1, -1, -1)], -1).softmax(-1)
    held_BRHMK = pooled_XHMK[slots_BR]
    out_BHMK = torch.einsum("bhmr,brhmk->bhmk", weights[..., :R], held_BRHMK) + weights @ v_HRK
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
    read = positions + cross_attention(p, "decoder", positions[None], z, spec["heads"])
    predicted = affine(p, "decoder.head", read).float().flatten(0, 1)
    total = 0
    for field, target in zip(spec["fields"], batch["fields"]):
        own = predicted[:, field["offset"] : field["offset"] + field["size"]]
        if field["kind"] == "categorical":
            total = total + F.cross_entropy(own, target)
        else:
            total = total + ((own - target).square().sum(-1) * batch["present"]).sum() / batch["present"].sum()
    return total / len(spec["fields"])


def finetuning_loss(p, batch, spec):
    z = compress(p, batch, spec)
    logits = action_logits(p, batch["query"], z, spec)
    error = F.cross_entropy(logits.float().flatten(0, 1), batch["target"].flatten(0, 1), reduction="none")
    weight = batch["weight"].flatten()
    task = (error * weight).sum() / weight.sum()
    return task + spec["reconstruction"] * reconstruction_loss(p, z, batch, spec)


def field_targets(batch, spec):
    """What each field is compared with: class indices (−100 where absent, which the loss ignores), or numbers."""
    actual = batch.pop("rebuilt", batch.get("context")).flatten(0, 1)
    batch["present"] = actual[:, spec["fields"][0]["presence"]]
    batch["fields"] = []
    for field in spec["fields"]:
        own = actual[:, field["offset"] : field["offset"] + field["size"]]
        if field["kind"] == "categorical":
            own = own.argmax(-1).masked_fill(actual[:, field["presence"]] == 0, -100)
        batch["fields"].append(own)


def prepare(workload, variant):
    spec, options = workload.spec, workload.spec["optimizer"]
    workload.fuse_attention()

    def parameter(name, array):
        # As in nn.Linear, a weight is [out, in]; nn.Embedding has [in, out].
        linear = name.endswith(".weight") and not (spec["kind"] == "reference" and name == "embed.weight")
        return torch.from_numpy(array.T.copy() if linear else array.copy()).requires_grad_()

    p = {name: parameter(name, array) for name, array in workload.parameters.items()}
    batch = {name: torch.from_numpy(array.copy()) for name, array in workload.batch.items()}
    batch = {name: tensor if tensor.is_floating_point() else tensor.long() for name, tensor in batch.items()}
    if spec["kind"] == "finetuning":
        field_targets(batch, spec)
    groups = {}
    for name, tensor in p.items():
        own = workload.rates[name]
        groups.setdefault((own["rate"], own["weightDecay"]), []).append(tensor)
    optimizer = torch.optim.AdamW(
        [{"params": tensors, "rate": rate, "weight_decay": decay} for (rate, decay), tensors in groups.items()],
        lr=0.0,
        betas=(options["beta1"], options["beta2"]),
        eps=1e-8,
        fused=True,
    )
    loss_of = finetuning_loss if spec["kind"] == "finetuning" else reference_loss
    if "compiled" in variant:
        loss_of = torch.compile(loss_of)
    steps = 0

    def step():
        nonlocal steps
        steps += 1
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * workload.learning_rate(steps)
        bf16 = torch.autocast("cpu", torch.bfloat16) if "bf16" in variant else contextlib.nullcontext()
        with bf16:
            loss = loss_of(p, batch, spec)
        optimizer.zero_grad()
        loss.backward()
        total = torch.nn.utils.clip_grad_norm_(p.values(), options["clip"])
        optimizer.step()
        return loss.item(), total.item()

    return step


if __name__ == "__main__":
    serve({"torch": torch.__version__}, prepare)
