"""Training of independent runs as one stack."""

from collections.abc import Generator, Sequence
from functools import partial

from jaxtyping import Float, Int
from torch import Tensor

from quantmia.accountant import Sampling
from quantmia.config.training import TrainingConfig
from quantmia.models.loop import Loop
from quantmia.models.stack import Params, Stack
from quantmia.progress import Advance
from quantmia.quantizers import Quantizer
from quantmia.training.averages import Average
from quantmia.training.batches import Batches
from quantmia.training.checkpoints import Checkpoint
from quantmia.training.dp_sgd import PoissonBatches, PrivateGradients
from quantmia.training.optimisers import OPTIMISERS, learning_rates
from quantmia.training.sharpness import SharpnessAware


def train(
    stack: Stack | Loop,
    config: TrainingConfig,
    features: Float[Tensor, "pool *features"],
    targets: Tensor,
    members: Sequence[Int[Tensor, " _"]],
    seed: int,
    runs: Sequence[int],
    advance: Advance,
    quantizer: Quantizer | None = None,
) -> Generator[Checkpoint, None, None]:
    """Train every run on its own members and yield its checkpoints as they come.

    The parameters that are yielded go on changing when the next checkpoint is asked for.

    Args:
        stack: the models; their initial parameters are copied.
        config: optimiser, epochs, batch size; private, sharpness-aware or neither; what of the
            trajectory is averaged, and then yielded in place of the parameters.
        features: of the whole pool.
        targets: [runs, pool], each run's on its own scale.
        members: indices into the pool that each run trains on.
        seed: the experiment's seed.
        runs: indices of the runs, which address their streams.
        advance: told of every epoch done.
        quantizer: of quantization-aware training: gradients are those of the quantized weights,
            and move the weights in full precision (the straight-through estimator of Bengio et
            al. 2013, as in Courbariaux et al. 2015). These are yielded. What layers are given is
            rounded likewise, if the quantizer rounds it.
    """
    params: Params = {name: value.clone() for name, value in stack.initial.items()}
    optimiser = OPTIMISERS[config.optimizer]([params[name] for name in stack.trained], config)
    if config.dp.wanted:
        assert isinstance(stack, Stack)  # seen to when the experiment was fitted
        sampling = Sampling.of(len(features), config.batch_size)
        batches = PoissonBatches(features, targets, members, sampling, seed, runs)
        expected = (len(features) // 2) * sampling.rate
        gradients = PrivateGradients(stack, config.dp, expected, seed, runs)
    else:
        batches = Batches(features, targets, members, config.batch_size, seed, runs)
        gradients = stack.gradients if config.sam is None else SharpnessAware(stack, config.sam)
    of_quantized, quantized = gradients, quantizer and quantizer.in_steps()
    if quantizer is not None and (inputs := quantizer.inputs_in_a_step):
        of_quantized = partial(stack.gradients, inputs=inputs)
    restart = config.warm_restarts and config.warm_restarts * batches.steps
    rates, average = learning_rates(config.lr, restart), Average(config, params, stack.trained)
    wanted = set(config.checkpoints)
    for epoch in range(1, config.epochs + 1):
        for x, y, weights in batches.epoch():
            if quantized is None or epoch <= config.qat_warmup:
                found = gradients(params, x, y, weights)
            else:
                seen = params | quantized({name: params[name] for name in stack.parameters})
                found = of_quantized(seen, x, y, weights)
            optimiser.step(found, next(rates))
            average.after_step()
        average.after_epoch(epoch)
        advance(1)
        if epoch in wanted:
            yield epoch, average.params
