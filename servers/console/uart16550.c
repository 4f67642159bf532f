// National Semiconductor PC16550D: registers, FIFOs, interrupts
// SPDX-License-Identifier: MIT
//
// Source: [PC16550D], by the headings of its chapter on registers. On a PC the interrupt pin passes a gate
// that OUT2 opens, and loopback takes OUT2 off its pin. Where the data sheet drops bytes we keep them:
// clearing the receive FIFO gives host input back to the host, and clearing the other takes nothing back that
// the guest has sent.
#include "servers/console/uart16550.h"

// FIFO control register: bytes in the receive FIFO that raise the interrupt, by bits 7 and 6.
static const uint8_t trigger_level[] = {1, 4, 8, 14};

// So often, and nothing else between. Linux's driver looks twice before it throws away what it finds.
enum { LOOKS_POLL = 4 };

// Modem control register, bit 4: the line that each output feeds in loopback.
static const struct {
    uint8_t mcr;
    uint8_t msr;
} loops[] = {
    {UART_MCR_RTS, UART_MSR_CTS},
    {UART_MCR_DTR, UART_MSR_DSR},
    {UART_MCR_OUT1, UART_MSR_RI},
    {UART_MCR_OUT2, UART_MSR_DCD},
};

static bool fifos_on(const struct uart *u)
{
    return u->fcr & UART_FCR_ENABLE;
}

static bool loops_back(const struct uart *u)
{
    return u->mcr & UART_MCR_LOOP;
}

static uint8_t width_mask(const struct uart *u)
{
    return (uint8_t)((0x20 << (u->lcr & UART_LCR_WIDTH)) - 1);
}

static unsigned capacity(const struct uart *u)
{
    return fifos_on(u) ? UART_FIFO : 1;
}

static uint16_t place_bit(unsigned place)
{
    return (uint16_t)(1u << place % UART_FIFO);
}

static void put_bit(uint16_t *bits, uint16_t bit, bool value)
{
    *bits = (uint16_t)(value ? *bits | bit : *bits & ~bit);
}

// ---- interrupts ----

static uint8_t modem_lines(const struct uart *u)
{
    uint8_t lines = 0;

    if (!loops_back(u)) {
        return UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD; // the host is always there
    }
    for (unsigned i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
        lines |= u->mcr & loops[i].mcr ? loops[i].msr : 0;
    }
    return lines;
}

// Interrupt identification register: the sources by priority.
static uint8_t interrupt_source(const struct uart *u)
{
    if (u->ier & UART_IER_LINE && u->overrun) {
        return UART_IIR_LINE;
    }
    if (u->ier & UART_IER_RX && u->rx_count) {
        bool level = !fifos_on(u) || u->rx_count >= trigger_level[u->fcr >> 6];
        return level ? UART_IIR_RX : UART_IIR_TIMEOUT;
    }
    if (u->ier & UART_IER_THRE && u->thre_pending) {
        return UART_IIR_THRE;
    }
    if (u->ier & UART_IER_MODEM && u->msr_delta) {
        return UART_IIR_MODEM;
    }
    return UART_IIR_NONE;
}

static void update_line(struct uart *u)
{
    bool open = u->mcr & UART_MCR_OUT2 && !loops_back(u);
    bool level = open && interrupt_source(u) != UART_IIR_NONE;

    u->line_rises += level && !u->line;
    u->line = level;
}

// ---- FIFOs ----

static void push_rx(struct uart *u, uint8_t byte, bool is_host)
{
    unsigned place = (u->rx_head + u->rx_count) % UART_FIFO;

    u->rx[place] = byte & width_mask(u);
    put_bit(&u->rx_is_host, place_bit(place), is_host);
    u->rx_count++;
}

// Line status register, bit 1: a FIFO that is full keeps what it has; the lone register of the 16450 takes
// the new byte.
static void loop_byte(struct uart *u, uint8_t byte)
{
    if (u->rx_count >= capacity(u)) {
        u->overrun = 1;
        if (fifos_on(u)) {
            return;
        }
        u->rx_count = 0;
    }
    push_rx(u, byte, false);
}

static void clear_rx(struct uart *u)
{
    u->rx_count = 0;
    u->rx_is_host = 0;
}

static bool listens(const struct uart *u)
{
    return (u->ier & UART_IER_RX || u->polls) && !loops_back(u);
}

unsigned uart_room(const struct uart *u)
{
    return listens(u) && u->rx_count < capacity(u) ? capacity(u) - u->rx_count : 0;
}

unsigned uart_unread(const struct uart *u)
{
    unsigned unread = 0;

    for (unsigned i = 0; i < u->rx_count; i++) {
        unread += (u->rx_is_host & place_bit(u->rx_head + i)) != 0;
    }
    return unread;
}

unsigned uart_receive(struct uart *u, const uint8_t *in, unsigned count)
{
    unsigned room = uart_room(u);
    unsigned taken = count < room ? count : room;

    for (unsigned i = 0; i < taken; i++) {
        push_rx(u, in[i], true);
    }
    update_line(u);
    return taken;
}

unsigned uart_transmit(struct uart *u, uint8_t *out, unsigned room)
{
    unsigned sent = u->tx_count < room ? u->tx_count : room;

    for (unsigned i = 0; i < sent; i++) {
        out[i] = u->tx[(u->tx_head + i) % UART_FIFO];
    }
    u->tx_head = (uint8_t)((u->tx_head + sent) % UART_FIFO);
    u->tx_count = (uint8_t)(u->tx_count - sent);
    if (sent && u->tx_count == 0) {
        u->thre_pending = 1;
    }
    update_line(u);
    return sent;
}

// ---- registers ----

static struct uart_result value(uint8_t byte)
{
    return (struct uart_result){.value = byte};
}

static struct uart_result read_rbr(struct uart *u)
{
    uint16_t bit = place_bit(u->rx_head);

    if (u->rx_count == 0) {
        return value(0);
    }
    struct uart_result result = {
        .value = u->rx[u->rx_head], .consumed = (u->rx_is_host & bit) != 0, .changed = true};
    put_bit(&u->rx_is_host, bit, false);
    u->rx_head = (uint8_t)((u->rx_head + 1u) % UART_FIFO);
    u->rx_count--;
    return result;
}

static struct uart_result read_ier(struct uart *u)
{
    return value(u->ier);
}

static struct uart_result read_dll(struct uart *u)
{
    return value(u->dll);
}

static struct uart_result read_dlm(struct uart *u)
{
    return value(u->dlm);
}

static struct uart_result read_iir(struct uart *u)
{
    uint8_t source = interrupt_source(u);
    bool takes = source == UART_IIR_THRE;

    if (takes) {
        u->thre_pending = 0;
    }
    return (struct uart_result){.value = source | (fifos_on(u) ? UART_IIR_FIFO : 0), .changed = takes};
}

static struct uart_result read_lcr(struct uart *u)
{
    return value(u->lcr);
}

static struct uart_result read_mcr(struct uart *u)
{
    return value(u->mcr);
}

// Who looks here again and again with the transmitter empty waits for input.
static void look(struct uart *u)
{
    if (u->tx_count) {
        u->looked = 0;
    } else if (u->looked < LOOKS_POLL) {
        u->looked++;
        u->polls |= u->looked == LOOKS_POLL;
    }
}

static uint8_t line_status(const struct uart *u)
{
    return (u->rx_count ? UART_LSR_DR : 0) | (u->tx_count ? 0 : UART_LSR_THRE | UART_LSR_TEMT);
}

// Errors of characters do not happen: breaks and parity stay with the host's line.
static struct uart_result read_lsr(struct uart *u)
{
    struct uart_result result = {.value = line_status(u) | (u->overrun ? UART_LSR_OE : 0),
                                 .changed = u->overrun};

    look(u);
    u->overrun = 0;
    return result;
}

static struct uart_result read_msr(struct uart *u)
{
    struct uart_result result = {.value = modem_lines(u) | u->msr_delta, .changed = u->msr_delta != 0};

    u->msr_delta = 0;
    return result;
}

static struct uart_result read_scr(struct uart *u)
{
    return value(u->scr);
}

// What a guest writes although the transmitter is full is lost, as it would be.
static void write_thr(struct uart *u, uint8_t value)
{
    value &= width_mask(u);
    u->thre_pending = 0;
    if (loops_back(u)) {
        loop_byte(u, value);
        u->thre_pending = u->tx_count == 0;
    } else if (u->tx_count < capacity(u)) {
        u->tx[(u->tx_head + u->tx_count) % UART_FIFO] = value;
        u->tx_count++;
    }
}

// Interrupt enable register, bit 1: enabling the interrupt with the transmitter empty raises it, each time.
static void write_ier(struct uart *u, uint8_t value)
{
    value &= UART_IER_RX | UART_IER_THRE | UART_IER_LINE | UART_IER_MODEM;
    if (value & ~u->ier & UART_IER_THRE) {
        u->thre_pending = u->tx_count == 0;
    }
    u->ier = value;
    u->polls = 0;
}

static void write_dll(struct uart *u, uint8_t value)
{
    u->dll = value;
}

static void write_dlm(struct uart *u, uint8_t value)
{
    u->dlm = value;
}

// FIFO control register: with bit 0 clear the other bits are not taken.
static void write_fcr(struct uart *u, uint8_t value)
{
    if (!(value & UART_FCR_ENABLE)) {
        value = 0;
    }
    if ((value ^ u->fcr) & UART_FCR_ENABLE || value & UART_FCR_CLEAR_RX) {
        clear_rx(u);
    }
    u->fcr = value & (UART_FCR_ENABLE | UART_FCR_TRIGGER);
    u->polls = 0;
}

static void write_lcr(struct uart *u, uint8_t value)
{
    u->lcr = value;
}

// Modem status register: bits 0, 1 and 3 tell of changes of their lines, bit 2 of the trailing edge of RI.
static void write_mcr(struct uart *u, uint8_t value)
{
    uint8_t before = modem_lines(u);
    u->mcr = value & (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 | UART_MCR_LOOP);
    uint8_t after = modem_lines(u);

    u->msr_delta |= (before ^ after) >> 4 & (UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD);
    u->msr_delta |= (before & ~after) >> 4 & UART_MSR_TERI;
}

static void write_scr(struct uart *u, uint8_t value)
{
    u->scr = value;
}

static void write_ignored(struct uart *u, uint8_t value)
{
    (void)u;
    (void)value;
}

typedef struct uart_result uart_reader(struct uart *u);
typedef void uart_writer(struct uart *u, uint8_t value);

struct uart_row {
    uart_reader *read;
    uart_writer *write;
};

static const struct uart_row rows[UART_REGISTERS] = {
    [UART_DATA] = {read_rbr, write_thr},    [UART_IER] = {read_ier, write_ier},
    [UART_IIR] = {read_iir, write_fcr},     [UART_LCR] = {read_lcr, write_lcr},
    [UART_MCR] = {read_mcr, write_mcr},     [UART_LSR] = {read_lsr, write_ignored},
    [UART_MSR] = {read_msr, write_ignored}, [UART_SCR] = {read_scr, write_scr},
};

static const struct uart_row divisor_rows[] = {
    [UART_DATA] = {read_dll, write_dll},
    [UART_IER] = {read_dlm, write_dlm},
};

static const struct uart_row *row_of(const struct uart *u, unsigned reg)
{
    reg %= UART_REGISTERS;
    return u->lcr & UART_LCR_DLAB && reg <= UART_IER ? &divisor_rows[reg] : &rows[reg];
}

__attribute__((noinline)) static struct uart_result read_any(struct uart *u, unsigned reg)
{
    struct uart_result result = row_of(u, reg)->read(u);

    if (reg != UART_LSR) {
        u->looked = 0;
    }
    if (result.changed) {
        update_line(u);
    }
    return result;
}

// Nearly all that guests read is the line status without errors.
struct uart_result uart_read(struct uart *u, unsigned reg)
{
    if (reg != UART_LSR || u->overrun) {
        return read_any(u, reg);
    }
    look(u);
    return value(line_status(u));
}

struct uart_result uart_write(struct uart *u, unsigned reg, uint8_t value)
{
    row_of(u, reg)->write(u, value);
    u->looked = 0;
    update_line(u);
    return (struct uart_result){.changed = true};
}

void uart_reset(struct uart *u)
{
    *u = (struct uart){.lcr = UART_LCR_WIDTH, .dll = 1};
}
