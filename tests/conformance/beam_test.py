"""tftrt.beam.ModelHandler in Apache Beam's own local runner. Run by pytest in build/venv-beam (`make conformance`), with BUILD
naming the build folder: 100 synthesised clips through make demo's model, against the same clips one by one."""
import pickle
import tempfile
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tftrt
import tftrt.beam
from apache_beam.io import localfilesystem
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.metrics import MetricsFilter
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from transcriber import CLIPS, SAMPLES, all_different, clips, one_by_one, same, transcriber  # noqa: F401

SMALL = Path(__file__).resolve().parents[1] / "models" / "small"


def golden(name, case):
    with np.load(SMALL / name / "golden" / f"{case}.npz") as f:
        arrays = dict(f)
    return ({k[3:]: v for k, v in arrays.items() if k.startswith("in.")},
            {k[4:]: v for k, v in arrays.items() if k.startswith("out.")})  # fmt: skip


def scored(tmp_path, elements, transform, **options):
    """What a pipeline of the local runner gives for the elements, in any order."""
    file = tmp_path / "results"
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([], **options)) as p:
        results = p | beam.Create(elements) | transform | beam.combiners.ToList()
        results | beam.Map(lambda all_results: file.write_bytes(pickle.dumps(all_results)))
    return pickle.loads(file.read_bytes()), p.result


# Not in the runner's multi_threading: Beam 2.77's mixes up its own streams there now and then ("Invalid PaneInfoEncoding"), with
# a handler that sleeps and returns noise as well.
@pytest.mark.parametrize("options", [{}, {"direct_running_mode": "multi_processing", "direct_num_workers": 2}],
                         ids=["in_memory", "multi_processing"])  # fmt: skip
def test_a_hundred_clips_as_one_by_one(tmp_path, transcriber, clips, one_by_one, options):
    handler = KeyedModelHandler(tftrt.beam.ModelHandler(transcriber, min_batch_size=4, max_batch_size=16, on_fallback="fail"))
    results, _ = scored(tmp_path, list(enumerate(clips)), RunInference(handler), **options)
    assert sorted(key for key, _ in results) == list(range(CLIPS))
    for key, result in results:
        np.testing.assert_array_equal(result.example, clips[key])
        same(result.inference, one_by_one[key])
        assert result.model_id == str(transcriber)
    assert all_different(one_by_one)


class Counted(tftrt.beam.ModelHandler):
    """Leaves a file for every time that the model is loaded."""

    def __init__(self, log, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._log = log

    def load_model(self):
        tempfile.mkstemp(dir=self._log)
        return super().load_model()


@pytest.mark.parametrize("how, copies", [({"large_model": True}, 1), ({"model_copies": 2}, 2)])
def test_a_model_shared_by_processes(tmp_path, transcriber, clips, one_by_one, how, copies):
    (tmp_path / "loads").mkdir()
    handler = Counted(str(tmp_path / "loads"), transcriber, max_batch_size=4, outputs=["note"], **how)
    assert handler.share_model_across_processes()
    results, _ = scored(tmp_path, list(enumerate(clips[:24])), RunInference(KeyedModelHandler(handler)),
                        direct_running_mode="multi_processing", direct_num_workers=2)  # fmt: skip
    assert len(results) == 24
    for key, result in results:
        same(result.inference, {"note": one_by_one[key]["note"]})
    assert len(list((tmp_path / "loads").iterdir())) == copies


def test_a_model_is_not_shared_unless_asked(transcriber):
    assert not tftrt.beam.ModelHandler(transcriber).share_model_across_processes()


def test_metrics_are_counted_under_our_namespace(tmp_path, transcriber, clips):
    _, result = scored(tmp_path, clips[:5], RunInference(tftrt.beam.ModelHandler(transcriber, max_batch_size=2)))
    counters = result.metrics().query(MetricsFilter().with_namespace("BeamML_TFTRT"))
    (inferences,) = [c.committed for c in counters["counters"] if c.key.metric.name == "num_inferences"]
    sizes = [d.committed for d in counters["distributions"] if d.key.metric.name == "inference_request_batch_size"]
    assert inferences == 5 and sizes[0].max <= 2
    told = [d.committed.sum for d in counters["distributions"] if d.key.metric.name == "inference_request_batch_byte_size"]
    assert told == [5 * SAMPLES * 4]


def test_dicts_of_arrays_and_postprocessing(tmp_path):
    inputs, outputs = golden("bert_tiny", "serving_default.0")
    examples = [{k: v[i] for k, v in inputs.items()} for i in range(len(inputs["input_ids"]))]
    handler = (
        KeyedModelHandler(tftrt.beam.ModelHandler(SMALL / "bert_tiny" / "saved_model"))
        .with_preprocess_fn(lambda keyed: (str(keyed[0]), keyed[1]))
        .with_postprocess_fn(lambda keyed: (keyed[0], keyed[1].inference["pooled"] * 2))
    )
    results, _ = scored(tmp_path, list(enumerate(examples)), RunInference(handler))
    assert len(results) == len(examples)
    for key, value in results:
        np.testing.assert_allclose(value, 2 * outputs["pooled"][int(key)], rtol=1e-4, atol=1e-5)


def test_inference_args_choose_a_signature_and_give_inputs(tmp_path):
    inputs, outputs = golden("multi_sig", "mix-v1.0.0")
    handler = KeyedModelHandler(
        tftrt.beam.ModelHandler(SMALL / "multi_sig" / "saved_model", signature_key="mix-v1.0", outputs=["output_0"]))  # fmt: skip
    examples = [(i, {"a": inputs["a"][i], "b": inputs["b"][i]}) for i in range(len(inputs["a"]))]
    results, _ = scored(tmp_path, examples, RunInference(handler, inference_args={"weight": inputs["weight"]}))
    assert len(results) == len(examples)
    for key, result in results:
        same(result.inference, {"output_0": outputs["output_0"][key]})

    inputs, outputs = golden("multi_sig", "encode.0")
    handler = tftrt.beam.ModelHandler(SMALL / "multi_sig" / "saved_model", signature_key="decode")
    results, _ = scored(tmp_path, list(enumerate(inputs["x"])),
                        RunInference(KeyedModelHandler(handler), inference_args={"signature_key": "encode"}))  # fmt: skip
    for key, result in results:
        same(result.inference, {"code": outputs["code"][key]})
    with pytest.raises(ValueError, match="'signature_key' is a text, got int"):
        scored(tmp_path, list(inputs["x"]), RunInference(handler, inference_args={"signature_key": 1}))


def test_bad_batches_are_told_or_set_aside(tmp_path):
    directory = SMALL / "mnist_cnn" / "saved_model"
    good = np.zeros((28, 28, 1), np.float32)
    bad = np.zeros((28, 28, 1), np.float64)
    with pytest.raises(Exception, match="input 'image': the signature wants float32, got float64"):
        scored(tmp_path, [bad], RunInference(tftrt.beam.ModelHandler(directory)))
    with pytest.raises(Exception, match="no signature 'other'"):
        scored(tmp_path, [good], RunInference(tftrt.beam.ModelHandler(directory, signature_key="other")))
    with pytest.raises(Exception, match="nowhere"):
        scored(tmp_path, [good], RunInference(tftrt.beam.ModelHandler(tmp_path / "nowhere")))

    class Both(beam.PTransform):
        def expand(self, pcoll):
            handler = tftrt.beam.ModelHandler(directory, max_batch_size=1)
            main, other = pcoll | RunInference(handler).with_exception_handling()
            return (main | "good" >> beam.Map(lambda r: ("good", r.inference["probs" if "probs" in r.inference else "output_0"].shape)),
                    other.failed_inferences | "bad" >> beam.Map(lambda r: ("bad", None))) | beam.Flatten()  # fmt: skip

    results, _ = scored(tmp_path, [good, bad, good], Both())
    assert sorted(results, key=str) == [("bad", None), ("good", (10,)), ("good", (10,))]


def test_models_on_beams_filesystems(tmp_path):
    """A remote model is copied to the worker, with its folders."""

    class Remote(localfilesystem.LocalFileSystem):
        """test://x is /x."""

        @classmethod
        def scheme(cls):
            return "test"

        def open(self, path, *args, **kwargs):
            return super().open(path[len("test:/"):], *args, **kwargs)

        def match(self, patterns, limits=None):
            files = [p for p in Path(patterns[0][len("test:/"):-len("/**")]).rglob("*") if p.is_file()]
            return [MatchResult(patterns[0], [FileMetadata(f"test:/{p}", p.stat().st_size) for p in files])]

    inputs, outputs = golden("mnist_cnn", "serving_default.0")
    handler = tftrt.beam.ModelHandler(f"test:/{SMALL}/mnist_cnn/saved_model")
    scorer = handler.load_model()
    for i, got in enumerate(scorer.score(list(inputs["image"]), {})):
        same(got, {k: v[i] for k, v in outputs.items()})
    with pytest.raises(FileNotFoundError, match="no SavedModel"):
        tftrt.beam.ModelHandler(f"test:/{tmp_path}/none").load_model()


def test_the_model_may_change(transcriber):
    """Beam's automatic model refresh."""
    handler = tftrt.beam.ModelHandler(SMALL / "mnist_cnn" / "saved_model")
    handler.update_model_path(str(transcriber))
    assert handler.load_model().engine_stats()[0]["name"].endswith("TRTEngineOp_000_000")
    handler.update_model_path(None)
    assert handler.load_model().engine_stats()
