/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timers: one for each CPU that ends budgets, one that gives new ones. They are never cancelled
 * (that could wait for a callback that waits for our run queue's lock): a callback looks at what is
 * true when it runs, and one that comes too early arms itself again.
 *
 * The start of a timer may be put off by the kernel and may fail; so whatever a timer does is done
 * by the tick and by the next dispatch, too.
 */
#ifndef EVENKEEL_CLOCK_BPF_H
#define EVENKEEL_CLOCK_BPF_H

/* A budget's end nearer than this is not worth a timer of its own: the charge of the interrupt
 * exceeds it. What is overrun is debt. */
#define ARM_MIN_NS 1000

static __always_inline void arm_exhaust(struct ek_cpu *cpu, u64 at)
{
	u32 key = cpu->index;
	struct timer *timer;

	if (without(EK_WITHOUT_TIMER))
		return;
	/* One that is armed for an earlier time arms itself again. */
	if (cpu->exhaust_armed_ns && cpu->exhaust_armed_ns <= at)
		return;
	timer = bpf_map_lookup_elem(&exhaust_timers, &key);
	if (!timer)
		return;
	cpu->exhaust_armed_ns = at;
	if (bpf_timer_start(&timer->timer, at, BPF_F_TIMER_ABS | BPF_F_TIMER_CPU_PIN)) {
		cpu->exhaust_armed_ns = 0;
		cpu->timer_failures++;
	}
}

/* What runs gives way at `at`, if it has not before. On its own CPU only: two that arm one timer at the
 * same time could put off the end of a budget. */
static __always_inline void end_at(struct ek_cpu *cpu, u64 at)
{
	if (cpu->exhausted_at_ns == 0 || at < cpu->exhausted_at_ns)
		cpu->exhausted_at_ns = at;
	arm_exhaust(cpu, cpu->exhausted_at_ns);
}

/* For the first replenishment that is due. Pinned where its CPU arms it; a callback elsewhere serves
 * the CPU of its key all the same. */
VERIFIED_ONCE int ek_arm_replenish(u32 key)
{
	struct ek_cpu *cpu = cpu_at(key);
	u64 flags = BPF_F_TIMER_ABS;
	struct timer *timer;

	if (!cpu || cpu->throttled.len == 0)
		return 0;
	u64 at = cpu->throttled.slot[0].key;
	if (cpu->replenish_armed_ns && cpu->replenish_armed_ns <= at)
		return 0;
	timer = bpf_map_lookup_elem(&replenish_timers, &key);
	if (!timer)
		return 0;
	if (bpf_get_smp_processor_id() == key)
		flags |= BPF_F_TIMER_CPU_PIN;
	cpu->replenish_armed_ns = at;
	if (bpf_timer_start(&timer->timer, at, flags)) {
		cpu->replenish_armed_ns = 0;
		cpu->timer_failures++;
	}
	return 0;
}

static __always_inline void arm_replenish(struct ek_cpu *cpu)
{
	if (cpu->throttled.len)
		ek_arm_replenish(cpu->index);
}

VERIFIED_ONCE int ek_wake(u32 index, u32 id, u64 t)
{
	struct ek_cpu *cpu = cpu_at(index);
	u32 event;

	if (!cpu)
		return 0;
	bpf_spin_lock(&cpu->lock);
	event = server_wake(cpu, id, t);
	bpf_spin_unlock(&cpu->lock);
	if (event) {
		note(cpu, t, SERVER_EVENT(id, event), 0, 0);
		arm_replenish(cpu);
	}
	return 0;
}

/* E1 where the server is idle. */
static __always_inline void wake(struct ek_cpu *cpu, u32 id, u64 t)
{
	if (READ_ONCE(server_at(cpu, id)->state) == EK_IDLE)
		ek_wake(cpu->index, id, t);
}

/* What the next server to be replenished has overrun is forgotten: for tests. */
static __always_inline void forgive(struct ek_cpu *cpu)
{
	struct ek_server *s = server_at(cpu, cpu->throttled.slot[0].id);

	if (s->budget_left_ns < 0)
		s->budget_left_ns = 0;
}

VERIFIED_ONCE int ek_replenish(u32 index, u64 t)
{
	struct ek_cpu *cpu = cpu_at(index);
	struct bpf_iter_num it;

	if (!cpu)
		return 0;
	bpf_iter_num_new(&it, 0, EK_SERVERS);
	while (bpf_iter_num_next(&it)) {
		u32 id = 0, event;

		if (without(EK_WITHOUT_DEBT))
			forgive(cpu);
		bpf_spin_lock(&cpu->lock);
		event = server_replenish(cpu, t, &id);
		bpf_spin_unlock(&cpu->lock);
		if (!event)
			break;
		note(cpu, t, SERVER_EVENT(id, event), 0, 0);
	}
	bpf_iter_num_destroy(&it);
	arm_replenish(cpu);
	return 0;
}

/* E5, E6 of all that are due, at most EK_SERVERS of them. */
static __always_inline void replenish_due(struct ek_cpu *cpu, u64 t)
{
	if (cpu->throttled.len && cpu->throttled.slot[0].key <= t)
		ek_replenish(cpu->index, t);
}

/* The deadline that what runs has; none for what runs on time that nobody else wants. */
static __always_inline u64 current_deadline(struct ek_cpu *cpu)
{
	struct ek_server *s = server_at(cpu, cpu->current);

	return s->state == EK_READY ? s->deadline_ns : ~0ULL;
}

/* Does a ready server come before what runs? On a CPU on its way out none is served: what runs there
 * are the kernel's own threads, which must come to their end. */
static __always_inline bool is_beaten(struct ek_cpu *cpu)
{
	if (cpu->ready.len == 0 || !cpu->online)
		return false;
	struct ek_slot first = cpu->ready.slot[0];
	return first.id != cpu->current && first.key < current_deadline(cpu);
}

static __always_inline void kick(struct ek_cpu *cpu, u64 flags)
{
	if (without(EK_WITHOUT_KICK))
		return;
	scx_bpf_kick_cpu(cpu->index, flags);
}

/* Every CPU looks, and `also`, which may be on its way out. */
static __noinline int kick_all(struct ek_cpu *also)
{
	struct bpf_iter_num it;
	int *index;

	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		struct ek_cpu *cpu = cpu_at(*index);
		if (cpu && (cpu->online || cpu == also))
			kick(cpu, SCX_KICK_PREEMPT);
	}
	bpf_iter_num_destroy(&it);
	return 0;
}

static int on_exhausted(void *map, u32 *key, struct timer *timer)
{
	struct ek_cpu *cpu = cpu_at(*key);
	u64 t = now();

	if (!cpu)
		return 0;
	cpu->timer_calls++;
	cpu->exhaust_armed_ns = 0;
	if (cpu->current == 0) {
		if (cpu->recheck_len)
			kick(cpu, SCX_KICK_IDLE);
		return 0;
	}
	u64 at = cpu->exhausted_at_ns;
	if (at == 0)
		return 0;
	if (t < at) {
		arm_exhaust(cpu, at);
		return 0;
	}
	if (t - at > cpu->timer_late_max_ns)
		cpu->timer_late_max_ns = t - at;
	kick(cpu, SCX_KICK_PREEMPT);
	return 0;
}

static int on_replenish(void *map, u32 *key, struct timer *timer)
{
	struct ek_cpu *cpu = cpu_at(*key);
	u64 t = now();

	if (!cpu)
		return 0;
	cpu->replenish_armed_ns = 0;
	replenish_due(cpu, t);
	arm_replenish(cpu);
	if (cpu->ready.len == 0 || !cpu->online)
		return 0;
	if (cpu->current == 0)
		kick(cpu, SCX_KICK_IDLE);
	else if (is_beaten(cpu))
		kick(cpu, SCX_KICK_PREEMPT);
	return 0;
}

#endif
