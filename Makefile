# The front door. `make demo` and `make test` install what is missing and do everything; see README.md. `make help` lists all.
BUILD ?= build
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
export BUILD

all: build

build: $(BUILD)/build.ninja  ## the library, the program, the plug-ins, into BUILD (build)
	@cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja: CMakeLists.txt tools/setup
	@tools/setup build
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX) > $(BUILD)/cmake.log || (cat $(BUILD)/cmake.log; false)

test: build  ## all tests
	@tools/setup test
	@tests/run_all

demo: build  ## a real model converted, run and compared
	@tools/setup demo
	@$(BUILD)/bin/transcribe $(BUILD)/wheels/basic-pitch/basic_pitch/saved_models/icassp_2022/nmp $(BUILD)/demo

conformance: wheel  ## against real TensorFlow, Beam, Ray and Triton (long)
	@tools/setup conformance
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/run.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/precision.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/unseen_models.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/tensorflow_plugin.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/tensorflow_drop_in.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/tensorflow_v1.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow217/bin/python tests/conformance/tensorflow_v1.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/old_models.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow217/bin/python tests/conformance/old_models.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/back_to_tensorflow.py --build $(BUILD)
	@PYTHONPATH=python TFTRT_LIBRARY=$(BUILD)/lib/libtftrt.so $(BUILD)/venv-tensorflow/bin/python tests/conformance/tensors_test.py
	@PYTHONPATH=python TFTRT_LIBRARY=$(BUILD)/lib/libtftrt.so $(BUILD)/venv-tensorflow/bin/python tests/conformance/tf_trt_base.py
	@tests/conformance/scale_out $(BUILD)
	@$(BUILD)/venv-triton/bin/python tests/conformance/triton_test.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/trained.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python tests/conformance/basic_pitch.py --build $(BUILD)

conformance-tensorflow: build  ## the op plug-in and tftrt.tensorflow in another TensorFlow: VERSION=2.19.1
	@tools/setup tensorflow $(VERSION)
	@$(BUILD)/venv-tensorflow-$(VERSION)/bin/python tests/conformance/tensorflow_plugin.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow-$(VERSION)/bin/python tests/conformance/tensorflow_drop_in.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow-$(VERSION)/bin/python tests/conformance/tensorflow_v1.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow-$(VERSION)/bin/python tests/conformance/old_models.py --build $(BUILD)

bench: build  ## speed, memory and accuracy beside TensorFlow, OpenVINO and ONNX Runtime (long)
	@tools/setup bench
	@$(BUILD)/venv-tensorflow/bin/python bench/run.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python bench/precision.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python bench/memory.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python bench/int8_accuracy.py --build $(BUILD)
	@$(BUILD)/venv-tensorflow/bin/python bench/half_accuracy.py --build $(BUILD)

fuzz:  ## fuzz targets, a minute each
	@tools/setup build
	@tools/setup fuzz
	@fuzz/run_all

lint:  ## format, includes, clang-tidy, types
	@tools/setup lint
	@tools/lint

wheel: build  ## the Python package, tested under every Python here
	@tools/setup test
	@$(BUILD)/venv-python/bin/pip wheel -q --disable-pip-version-check --no-deps -w $(BUILD)/wheelhouse .
	@tests/python/check_wheel $(BUILD)
	@tests/python/run_versions $(BUILD)
	@ls $(BUILD)/wheelhouse/tftrt-*.whl

install: build  ## to PREFIX (/usr/local)
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean:  ## removes BUILD
	rm -rf $(BUILD)

help:
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1\t\2/p' Makefile | expand -t 24

.PHONY: all help build wheel test demo conformance conformance-tensorflow bench fuzz lint install clean
