# The front door. `make demo` and `make test` install what is missing and do everything.
BUILD ?= build
JOBS ?= $(shell nproc)

all: build
build: $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS)
$(BUILD)/build.ninja:
	tools/setup build
	cmake -S . -B $(BUILD) -G Ninja
test: build
	cd $(BUILD) && ctest --output-on-failure -j $(JOBS)
.PHONY: all build test
