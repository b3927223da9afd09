/*
 * The driver in example.c: what a program that runs the accelerator includes.
 *
 * Before accelerator_run, place the memory image (program, weights) and the network's inputs where
 * the program was compiled for, and make them visible to the accelerator: clean the caches. After
 * it, invalidate them before reading the outputs.
 */
#ifndef ACCELERATOR_DRIVER_H
#define ACCELERATOR_DRIVER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct accelerator_bus {
    /* One 32-bit access to the AXI4-Lite port, `offset` bytes from its base. In order. */
    uint32_t (*read32)(void *context, uint32_t offset);
    void (*write32)(void *context, uint32_t offset, uint32_t value);
    /* Returns 0 as soon as the interrupt is high, something else when patience has run out. */
    int (*wait_for_interrupt)(void *context);
    void *context;
};

struct accelerator_job {
    uint32_t fingerprint;     /* what FINGERPRINT must read: the program is compiled for it */
    uint32_t program_address; /* a multiple of 64 */
    /* First and last byte of both windows; they are widened to whole pages of 4 KiB. */
    uint32_t constants_first, constants_last; /* program and weights: only read */
    uint32_t features_first, features_last;   /* image and features: read and written */
};

/* A tensor in memory: MEMORY_INPUTS and MEMORY_OUTPUTS in memory.h initialize arrays of these. */
struct accelerator_tensor {
    const char *name;   /* in the network */
    const char *layout; /* "image", "blocks" or "cells", the memory formats */
    uint32_t address, size_bytes;
    uint32_t channels, height, width;
    uint32_t pixel_bytes, row_bytes, block_bytes; /* from one of them to the next */
    /* An input in cells: a pixel in memory is a cell of so many rows and columns, and the first
     * cells begin so many in front of the input. Bytes outside the input must hold zero_point. */
    uint32_t cell_rows, cell_columns, cell_top, cell_left; /* 1, 1, 0, 0 in the other layouts */
    double scale; /* an element, a signed byte, stands for scale * (element - zero_point) */
    int32_t zero_point;
};

struct accelerator_report {
    uint32_t error_code;       /* ACCELERATOR__ERROR__NONE, or why the run ended */
    uint32_t error_descriptor; /* address of the descriptor that it ended at */
    uint64_t cycles;
    uint64_t array_cycles;
    uint64_t program_bytes;
    uint64_t weight_bytes;
    uint64_t feature_read_bytes;
    uint64_t feature_written_bytes;
};

enum accelerator_status {
    ACCELERATOR_OK = 0,
    ACCELERATOR_NOT_FOUND = 1,   /* no accelerator answers at this address */
    ACCELERATOR_OTHER_BUILD = 2, /* not the one of accelerator.h, or not the job's */
    ACCELERATOR_BUSY = 3,        /* a run goes on */
    ACCELERATOR_FAILED = 4,      /* the run ended with report->error_code */
    ACCELERATOR_HANGS = 5,       /* not even ABORT ended it: memory never answers */
    ACCELERATOR_HOST_FAILED = 6  /* a step of the host returned something else than 0 */
};

/* A step of a network: MEMORY_STEPS in memory.h initializes an array of these, in their order. */
struct accelerator_step {
    const char *name;              /* of an operator of the host in the network, or of a program */
    int (*host_op)(void *context); /* returns 0 if all is well; null for a program */
    uint32_t program_address;      /* of a program */
};

/*
 * Runs the program to its end. Returns a status above; `report` holds with OK and with FAILED. The
 * interrupt is disabled at its end; windows and the program's address stay.
 */
int accelerator_run(const struct accelerator_bus *bus, const struct accelerator_job *job,
                    struct accelerator_report *report);

/*
 * Goes through the steps of a network: the host's by their functions, which get `context`, and the
 * programs by accelerator_run with their own addresses in place of the job's; caches are the
 * functions' to clean and invalidate as above. Returns the status of the step that failed, and its
 * number in `failed`; else OK and `count`. The counters of `report` are the sums of all programs
 * with OK, and with FAILED those of the one that failed.
 */
int accelerator_run_steps(const struct accelerator_bus *bus, const struct accelerator_job *job,
                          const struct accelerator_step *steps, uint32_t count, void *context,
                          struct accelerator_report *report, uint32_t *failed);

/* Returns the address of the element of a tensor in this channel, row and column. */
uint32_t accelerator_element_address(const struct accelerator_tensor *tensor, uint32_t channel,
                                     uint32_t row, uint32_t column);

/* What an error code means, in words. */
const char *accelerator_error_text(uint32_t code);

#ifdef __cplusplus
}
#endif

#endif
