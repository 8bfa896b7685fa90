/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler comes and goes, and so do CPUs.
 */
#ifndef EVENKEEL_BEGIN_BPF_H
#define EVENKEEL_BEGIN_BPF_H

/* All servers of a CPU idle, with the budgets and deadlines that they have. */
static __noinline int all_idle(struct ek_cpu *cpu)
{
	struct bpf_iter_num it;
	int *id;

	cpu->ready.len = 0;
	cpu->throttled.len = 0;
	bpf_iter_num_new(&it, 0, EK_SERVERS);
	while ((id = bpf_iter_num_next(&it)))
		server_at(cpu, *id)->state = EK_IDLE;
	bpf_iter_num_destroy(&it);
	return 0;
}

/* A CPU that comes back serves who waits: those servers wake (E1), so that none begins with a
 * deadline of the time before. */
SEC("struct_ops/ek_cpu_online")
void ek_cpu_online(u64 *ctx)
{
	struct ek_cpu *cpu = cpu_at(ctx[0]);
	struct bpf_iter_num it;
	u64 t = now();
	int *id;

	if (!cpu)
		return;
	bpf_spin_lock(&cpu->lock);
	all_idle(cpu);
	bpf_spin_unlock(&cpu->lock);
	cpu->online = 1;
	ek_look_again();
	bpf_iter_num_new(&it, 1, EK_KTHREADS);
	while ((id = bpf_iter_num_next(&it))) {
		u32 capsule = *id;
		if (capsule > settings.capsules)
			break;
		if (waiting(cpu, capsule))
			wake(cpu, capsule, t);
	}
	bpf_iter_num_destroy(&it);
	kick(cpu, SCX_KICK_IDLE);
}

SEC("struct_ops/ek_cpu_offline")
void ek_cpu_offline(u64 *ctx)
{
	struct ek_cpu *cpu = cpu_at(ctx[0]);

	if (!cpu)
		return;
	cpu->online = 0;
	ek_look_again();
	/* Itself, too: what is bound to it has to leave. */
	kick_all(cpu);
}

/* Nobody is charged for what a CPU does from here until it runs a thread of ours. */
static __always_inline void nobody_runs(struct ek_cpu *cpu)
{
	cpu->current = 0;
	cpu->current_tid = 0;
	cpu->left_server = 0;
	cpu->left_tid = 0;
}

/* A CPU as a scheduler finds it: what its servers hold stays, nobody is queued. */
static __noinline int begin_cpu(struct ek_cpu *cpu, u32 index)
{
	struct bpf_iter_num it;
	int *id;

	cpu->index = index;
	cpu->online = 1;
	cpu->online = is_usable(cpu);
	cpu->orphans = 0;
	nobody_runs(cpu);
	cpu->exhaust_armed_ns = 0;
	cpu->exhausted_at_ns = 0;
	cpu->replenish_armed_ns = 0;
	cpu->recheck_len = 0;
	all_idle(cpu);
	bpf_iter_num_new(&it, 0, EK_SERVERS);
	while ((id = bpf_iter_num_next(&it)))
		server_at(cpu, *id)->queued = 0;
	bpf_iter_num_destroy(&it);
	struct ek_server *kthreads = server_at(cpu, EK_KTHREADS);
	kthreads->budget_next_ns = settings.kthreads_budget_ns;
	kthreads->period_next_ns = settings.kthreads_period_ns;
	struct ek_server *rest = server_at(cpu, EK_BEST_EFFORT);
	rest->budget_next_ns = settings.best_effort_budget_ns;
	rest->period_next_ns = settings.best_effort_period_ns;
	return 0;
}

static __noinline int begin_timers(u32 index)
{
	struct timer *exhaust = bpf_map_lookup_elem(&exhaust_timers, &index);
	struct timer *replenish = bpf_map_lookup_elem(&replenish_timers, &index);
	int error;

	if (!exhaust || !replenish)
		return -2; /* ENOENT */
	error = bpf_timer_init(&exhaust->timer, &exhaust_timers, CLOCK_MONOTONIC);
	if (error)
		return error;
	error = bpf_timer_set_callback(&exhaust->timer, on_exhausted);
	if (error)
		return error;
	error = bpf_timer_init(&replenish->timer, &replenish_timers, CLOCK_MONOTONIC);
	if (error)
		return error;
	return bpf_timer_set_callback(&replenish->timer, on_replenish);
}

static __noinline int begin_queues(u32 cpu)
{
	struct bpf_iter_num it;
	int *id, error = 0;

	error = scx_bpf_create_dsq(DSQ_KTHREADS(cpu), -1);
	if (!error)
		error = scx_bpf_create_dsq(DSQ_BEST_EFFORT_CPU(cpu), -1);
	if (error)
		return error;
	bpf_iter_num_new(&it, 1, EK_KTHREADS);
	while ((id = bpf_iter_num_next(&it))) {
		u32 capsule = *id;
		if (capsule > settings.capsules)
			break;
		error = scx_bpf_create_dsq(DSQ_PINNED(capsule, cpu), -1);
		if (!error && cpu == 0)
			error = scx_bpf_create_dsq(DSQ_SHARED(capsule), -1);
		if (error)
			break;
	}
	bpf_iter_num_destroy(&it);
	return error;
}

SEC("struct_ops.s/ek_init")
int ek_init(u64 *ctx)
{
	struct ek_control *count = counters();
	struct bpf_iter_num it;
	int *index, error;

	error = scx_bpf_create_dsq(DSQ_BEST_EFFORT, -1);
	if (error)
		return error;
	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		struct ek_cpu *cpu = cpu_at(*index);
		if (!cpu) {
			error = -2;
			break;
		}
		begin_cpu(cpu, *index);
		error = begin_queues(*index);
		if (!error)
			error = begin_timers(*index);
		if (error)
			break;
	}
	bpf_iter_num_destroy(&it);
	bpf_iter_num_new(&it, 1, EK_KTHREADS);
	while ((index = bpf_iter_num_next(&it))) {
		struct ek_capsule *capsule = capsule_at(*index);
		if (!capsule)
			break;
		capsule->queued = 0;
		capsule->yield_to = 0;
		capsule->strays = 0;
	}
	bpf_iter_num_destroy(&it);
	if (count) {
		count->exit_kind = 0;
		count->attached++;
	}
	return error;
}

SEC("struct_ops/ek_exit")
void ek_exit(u64 *ctx)
{
	struct scx_exit_info *info = (void *)ctx[0];
	struct ek_control *count = counters();
	struct bpf_iter_num it;
	int *index;

	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		struct ek_cpu *cpu = cpu_at(*index);
		if (!cpu)
			break;
		nobody_runs(cpu);
	}
	bpf_iter_num_destroy(&it);
	if (!count)
		return;
	count->exit_kind = info->kind;
	count->exit_code = info->exit_code;
	bpf_probe_read_kernel_str(count->exit_reason, sizeof(count->exit_reason), info->reason);
	bpf_probe_read_kernel_str(count->exit_message, sizeof(count->exit_message), info->msg);
}

#endif
