/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hard constant bandwidth server, rule by rule. Q is budget_ns, P period_ns, c budget_left_ns,
 * d deadline_ns.
 *
 *            E1a c, E1c, E1d                E4 c <= 0, work left
 *   IDLE ----------------------> READY ------------------------> THROTTLED
 *     | \------ E1a c <= 0, E1b ------------------------------->  |   ^
 *     |                           | ^-------- E5, E6: c > 0 ------/   | E5: c <= 0 still
 *     ^------- E7 no work --------/                                \--/
 *
 * c is signed: what a server ran beyond its budget is paid from the budgets that follow. A changed
 * reservation takes effect where a new budget is given, never inside a period: what the server was
 * promised until its deadline stays promised.
 *
 * No overflow: P <= 2^31 (the loader refuses more), 0 < d - t <= P at E1c and E1d, c <= Q <= P.
 *
 * All functions run under the lock of their CPU and answer with the event that happened.
 */
#ifndef EVENKEEL_SERVER_BPF_H
#define EVENKEEL_SERVER_BPF_H

static __always_inline s64 least(s64 a, s64 b)
{
	return a < b ? a : b;
}

/* A new budget begins: the reservation asked for last is in force from here. */
static __always_inline void server_configure(struct ek_server *s)
{
	s->budget_ns = s->budget_next_ns;
	s->period_ns = s->period_next_ns;
}

static __always_inline void server_ready(struct ek_cpu *cpu, u32 id, struct ek_server *s)
{
	s->state = EK_READY;
	s->missed = 0;
	heap_push(cpu, &cpu->ready, id, s->deadline_ns);
}

static __always_inline void server_throttle(struct ek_cpu *cpu, u32 id, struct ek_server *s)
{
	s->state = EK_THROTTLED;
	s->throttled++;
	heap_push(cpu, &cpu->throttled, id, s->deadline_ns);
}

/* E1: the first runnable thread of an idle server. */
static __noinline u32 server_wake(struct ek_cpu *cpu, u32 id, u64 t)
{
	struct ek_server *s = &cpu->servers[id & EK_MASK];
	u64 d = s->deadline_ns;
	u32 event;

	if (s->state != EK_IDLE || s->period_next_ns == 0)
		return 0;
	if (t >= d) {
		server_configure(s);
		/* n >= 1; n * Q <= t - d + Q. The first wake ever has d = 0 and c = 0: c = Q. */
		u64 n = (t - d) / s->period_ns + 1;
		s64 debt = least(s->budget_left_ns, 0);
		s->budget_left_ns = least(s->budget_ns, debt + (s64)(n * s->budget_ns));
		s->deadline_ns = t + s->period_ns;
		event = EK_EV_E1A;
	} else if (s->budget_left_ns <= 0) {
		event = EK_EV_E1B;
	} else if ((u64)s->budget_left_ns * s->period_ns >= (d - t) * s->budget_ns) {
		server_configure(s);
		s->budget_left_ns = s->budget_ns;
		s->deadline_ns = t + s->period_ns;
		event = EK_EV_E1C;
	} else {
		event = EK_EV_E1D;
	}
	if (s->budget_left_ns > 0)
		server_ready(cpu, id, s);
	else
		server_throttle(cpu, id, s);
	return event;
}

/* E3, and E8 where the deadline has passed with budget left. What other servers run beyond their
 * budget is debt; kernel threads and best effort also run where nobody else wants the CPU, and do
 * not pay for that. */
static __always_inline u32 server_charge(struct ek_cpu *cpu, u32 id, u64 executed, u64 t)
{
	struct ek_server *s = &cpu->servers[id & EK_MASK];

	s->used_ns += executed;
	if (id >= EK_KTHREADS && s->state != EK_READY)
		return 0;
	s->budget_left_ns -= (s64)executed;
	if (s->budget_left_ns < 0 && (u64)-s->budget_left_ns > s->overrun_max_ns)
		s->overrun_max_ns = -s->budget_left_ns;
	if (s->state == EK_READY && s->budget_left_ns > 0 && t >= s->deadline_ns && !s->missed) {
		s->missed = 1;
		s->misses++;
		return EK_EV_E8;
	}
	return 0;
}

/* E4: the budget is spent and work is left. */
static __always_inline u32 server_exhaust(struct ek_cpu *cpu, u32 id)
{
	struct ek_server *s = &cpu->servers[id & EK_MASK];

	if (s->state != EK_READY || s->budget_left_ns > 0)
		return 0;
	heap_remove(cpu, &cpu->ready, s->position);
	server_throttle(cpu, id, s);
	return EK_EV_E4;
}

/* E7: no runnable thread is left. */
static __noinline u32 server_idle(struct ek_cpu *cpu, u32 id)
{
	struct ek_server *s = &cpu->servers[id & EK_MASK];

	if (s->state != EK_READY)
		return 0;
	heap_remove(cpu, &cpu->ready, s->position);
	s->state = EK_IDLE;
	return EK_EV_E7;
}

/* E5 and E6 of the first throttled server, if it is due. `id` is which. */
static __noinline u32 server_replenish(struct ek_cpu *cpu, u64 t, u32 *id)
{
	if (cpu->throttled.len == 0)
		return 0;
	struct ek_slot first = cpu->throttled.slot[0];
	struct ek_server *s = &cpu->servers[first.id & EK_MASK];
	u32 event = EK_EV_E5;

	if (first.key > t)
		return 0;
	*id = first.id;
	/* The position, which is 0: a constant would make the verifier follow the heap entry by entry. */
	heap_remove(cpu, &cpu->throttled, s->position);
	if (s->period_next_ns == 0) {
		/* The capsule has left this CPU. */
		s->state = EK_IDLE;
		return EK_EV_E7;
	}
	server_configure(s);
	s->replenished++;
	s->budget_left_ns = least(s->budget_ns, s->budget_left_ns + (s64)s->budget_ns);
	s->deadline_ns += s->period_ns;
	if (s->deadline_ns <= t) {
		s->budget_left_ns = s->budget_ns;
		s->deadline_ns = t + s->period_ns;
		s->lag_resets++;
		event = EK_EV_E6;
	}
	if (s->budget_left_ns > 0)
		server_ready(cpu, first.id, s);
	else
		server_throttle(cpu, first.id, s);
	return event;
}

#endif
