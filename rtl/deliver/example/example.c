/*
 * Runs a program on the accelerator and reads what it cost: the whole of a driver's work.
 *
 * accelerator.h and accelerator_driver.h are written by `hwsim rtl` beside the Verilog. This file
 * touches the hardware only through the functions of `struct accelerator_bus`, so that it serves on
 * bare metal, behind an operating system and in a simulation alike.
 */
#include "accelerator_driver.h"

#include <stddef.h>

#include "accelerator.h"

#define OFFSET(name) ((uint32_t)offsetof(accelerator_registers_t, name))
#define END ACCELERATOR__INTERRUPT_STATUS__END_bm
#define ERROR ACCELERATOR__INTERRUPT_STATUS__ERROR_bm
#define REFUSED ACCELERATOR__INTERRUPT_STATUS__REFUSED_bm

#define BUILD_FIELD(name) \
    ((uint32_t)ACCELERATOR__BUILD__##name##_reset << ACCELERATOR__BUILD__##name##_bp)
#define EXPECTED_BUILD                                                \
    (BUILD_FIELD(INPUT_LANES_LOG2) | BUILD_FIELD(OUTPUT_LANES_LOG2) | \
     BUILD_FIELD(WEIGHT_BITS) | BUILD_FIELD(MULTIPLIER_BITS) |        \
     BUILD_FIELD(CHANNEL_POOL) | BUILD_FIELD(TABLES) | BUILD_FIELD(INTERFACE))

static uint32_t read_register(const struct accelerator_bus *bus, uint32_t offset)
{
    return bus->read32(bus->context, offset);
}

static void write_register(const struct accelerator_bus *bus, uint32_t offset, uint32_t value)
{
    bus->write32(bus->context, offset, value);
}

/* The counters hold once the accelerator is idle, so that their halves belong together. */
static uint64_t read_counter(const struct accelerator_bus *bus, uint32_t offset)
{
    uint64_t low = read_register(bus, offset);
    uint64_t high = read_register(bus, offset + 4);

    return high << 32 | low;
}

static void read_report(const struct accelerator_bus *bus, struct accelerator_report *report)
{
    report->error_code = read_register(bus, OFFSET(ERROR_CODE));
    report->error_descriptor = read_register(bus, OFFSET(ERROR_DESCRIPTOR));
    report->cycles = read_counter(bus, OFFSET(CYCLES_LOW));
    report->array_cycles = read_counter(bus, OFFSET(ARRAY_CYCLES_LOW));
    report->program_bytes = read_counter(bus, OFFSET(PROGRAM_BYTES_LOW));
    report->weight_bytes = read_counter(bus, OFFSET(WEIGHT_BYTES_LOW));
    report->feature_read_bytes = read_counter(bus, OFFSET(FEATURE_READ_BYTES_LOW));
    report->feature_written_bytes = read_counter(bus, OFFSET(FEATURE_WRITTEN_BYTES_LOW));
}

static void add_counters(struct accelerator_report *total, const struct accelerator_report *run)
{
    total->cycles += run->cycles;
    total->array_cycles += run->array_cycles;
    total->program_bytes += run->program_bytes;
    total->weight_bytes += run->weight_bytes;
    total->feature_read_bytes += run->feature_read_bytes;
    total->feature_written_bytes += run->feature_written_bytes;
}

/* Waits until a run has ended; returns the bits of INTERRUPT_STATUS, or 0 without patience. */
static uint32_t wait_for_end(const struct accelerator_bus *bus)
{
    while (bus->wait_for_interrupt(bus->context) == 0) {
        uint32_t happened = read_register(bus, OFFSET(INTERRUPT_STATUS));

        /* Clear what was seen, and only that: what comes meanwhile raises the interrupt again. */
        write_register(bus, OFFSET(INTERRUPT_STATUS), happened);
        if (happened & (END | ERROR))
            return happened;
    }
    return 0;
}

const char *accelerator_error_text(uint32_t code)
{
    switch (code) {
#define CASE(name, value, text) \
    case value:                 \
        return text;
        ACCELERATOR__ERRORS(CASE)
#undef CASE
    default:
        return "An error code that accelerator.h does not know.";
    }
}

uint32_t accelerator_element_address(const struct accelerator_tensor *tensor, uint32_t channel,
                                     uint32_t row, uint32_t column)
{
    uint32_t y = row + tensor->cell_top, x = column + tensor->cell_left;
    uint32_t pixel = y % tensor->cell_rows * tensor->cell_columns + x % tensor->cell_columns;
    uint32_t stored_channel = pixel * tensor->channels + channel;
    uint32_t block = stored_channel / tensor->pixel_bytes;
    uint32_t lane = stored_channel % tensor->pixel_bytes;

    return tensor->address + block * tensor->block_bytes + y / tensor->cell_rows * tensor->row_bytes +
           x / tensor->cell_columns * tensor->pixel_bytes + lane;
}

int accelerator_run(const struct accelerator_bus *bus, const struct accelerator_job *job,
                    struct accelerator_report *report)
{
    uint32_t happened;

    if (read_register(bus, OFFSET(IDENTITY)) != ACCELERATOR__IDENTITY__VALUE_reset)
        return ACCELERATOR_NOT_FOUND;
    if (read_register(bus, OFFSET(BUILD)) != EXPECTED_BUILD)
        return ACCELERATOR_OTHER_BUILD;
    if (read_register(bus, OFFSET(FINGERPRINT)) != job->fingerprint)
        return ACCELERATOR_OTHER_BUILD;
    if (read_register(bus, OFFSET(STATUS)) & ACCELERATOR__STATUS__BUSY_bm)
        return ACCELERATOR_BUSY;

    /* The accelerator reads in both windows and writes only in that of the features. */
    write_register(bus, OFFSET(CONSTANTS_BASE), job->constants_first);
    write_register(bus, OFFSET(CONSTANTS_LIMIT), job->constants_last);
    write_register(bus, OFFSET(FEATURES_BASE), job->features_first);
    write_register(bus, OFFSET(FEATURES_LIMIT), job->features_last);
    write_register(bus, OFFSET(PROGRAM_ADDRESS), job->program_address);

    write_register(bus, OFFSET(INTERRUPT_STATUS), END | ERROR | REFUSED); /* of former runs */
    write_register(bus, OFFSET(INTERRUPT_ENABLE), END | ERROR | REFUSED);
    write_register(bus, OFFSET(CONTROL), ACCELERATOR__CONTROL__START_bm);

    happened = wait_for_end(bus);
    if (!happened) {
        write_register(bus, OFFSET(CONTROL), ACCELERATOR__CONTROL__ABORT_bm);
        happened = wait_for_end(bus);
    }
    write_register(bus, OFFSET(INTERRUPT_ENABLE), 0);
    if (!happened)
        return ACCELERATOR_HANGS;

    read_report(bus, report);
    return happened & ERROR ? ACCELERATOR_FAILED : ACCELERATOR_OK;
}

int accelerator_run_steps(const struct accelerator_bus *bus, const struct accelerator_job *job,
                          const struct accelerator_step *steps, uint32_t count, void *context,
                          struct accelerator_report *report, uint32_t *failed)
{
    struct accelerator_report total = {0};
    struct accelerator_job own = *job;

    for (*failed = 0; *failed < count; ++*failed) {
        const struct accelerator_step *step = &steps[*failed];
        int status = ACCELERATOR_OK;

        if (step->host_op) {
            if (step->host_op(context) != 0)
                status = ACCELERATOR_HOST_FAILED;
        } else {
            own.program_address = step->program_address;
            status = accelerator_run(bus, &own, report);
        }
        if (status != ACCELERATOR_OK)
            return status;
        if (!step->host_op)
            add_counters(&total, report);
    }
    *report = total;
    return ACCELERATOR_OK;
}
