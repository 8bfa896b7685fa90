/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CPU wants a thread: the first ready server, and the first thread of its queues.
 */
#ifndef EVENKEEL_DISPATCH_BPF_H
#define EVENKEEL_DISPATCH_BPF_H

/* Servers without work that one dispatch takes off the queue before it gives up; a wake-up readies a
 * server on each CPU of a capsule, and only one finds the thread. */
#define DISPATCH_TRIES 64
/* The queue was empty although a thread is on its way into it: look again, less and less often. */
#define RECHECK_MIN_NS 50000
#define RECHECK_MAX_NS 10000000

/* The key of the first thread of a queue; the greatest where it is empty. */
VERIFIED_ONCE u64 ek_first_key(u64 dsq)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	u64 key = ~0ULL;

	if (!bpf_iter_scx_dsq_new(&it, dsq, 0)) {
		p = bpf_iter_scx_dsq_next(&it);
		if (p)
			key = p->scx.dsq_vtime;
	}
	bpf_iter_scx_dsq_destroy(&it);
	return key;
}

/* Goes on with `prev`. */
static __always_inline bool keep(struct ek_cpu *cpu, struct task_struct *prev, struct task *task,
				 u64 t)
{
	set_slice(prev, task->turn);
	begin(cpu, prev, task, t);
	arm_end(cpu, task, t);
	return true;
}

/* The first thread of the two queues, or `prev` (whose key is `own`) where it comes before both. */
VERIFIED_ONCE int ek_take_first(u64 wide, u64 narrow, u64 own)
{
	s32 n_wide = scx_bpf_dsq_nr_queued(wide), n_narrow = scx_bpf_dsq_nr_queued(narrow);
	u64 k_wide = ~0ULL, k_narrow = ~0ULL;

	if (n_wide <= 0 && n_narrow <= 0)
		return 0;
	if (own != ~0ULL || (n_wide > 0 && n_narrow > 0)) {
		k_wide = ek_first_key(wide);
		k_narrow = ek_first_key(narrow);
		if (own < k_wide && own < k_narrow)
			return 0;
	} else if (n_wide > 0) {
		k_wide = 0;
	}
	if (k_wide < k_narrow)
		return move_to_local(wide) || move_to_local(narrow);
	return move_to_local(narrow) || move_to_local(wide);
}

/* The thread that another one of its capsule asked to run in its stead. */
VERIFIED_ONCE int ek_take_named(u32 index, u64 dsq, u32 tid)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	int found = 0;

	if (!ksym_exists(scx_bpf_dsq_move___new))
		return 0;
	if (!bpf_iter_scx_dsq_new(&it, dsq, 0)) {
		struct bpf_iter_num most;
		/* The 64 threads next in line: virtual machines have fewer that are runnable. */
		bpf_iter_num_new(&most, 0, 64);
		while (bpf_iter_num_next(&most)) {
			p = bpf_iter_scx_dsq_next(&it);
			if (!p)
				break;
			if (p->pid == tid) {
				found = scx_bpf_dsq_move___new(&it, p, SCX_DSQ_LOCAL_ON | index,
							       0);
				break;
			}
		}
		bpf_iter_num_destroy(&most);
	}
	bpf_iter_scx_dsq_destroy(&it);
	return found;
}

static __always_inline int take_capsule(struct ek_cpu *cpu, u32 id, u64 own)
{
	struct ek_capsule *capsule = capsule_at(id);
	u64 narrow = DSQ_PINNED(id, cpu->index);
	/* A CPU that the capsule has left takes only what is bound to it. */
	u64 wide = capsule && in_mask(capsule, cpu->index) ? DSQ_SHARED(id) : narrow;

	if (capsule && capsule->yield_to) {
		u32 tid = capsule->yield_to;
		capsule->yield_to = 0;
		if (ek_take_named(cpu->index, wide, tid) ||
		    ek_take_named(cpu->index, narrow, tid)) {
			struct ek_control *count = counters();
			if (count)
				__sync_fetch_and_add(&count->yields_honoured, 1);
			return 1;
		}
	}
	return ek_take_first(wide, narrow, own);
}

/* A server that has threads on their way into its queue, and none in it, is looked at again. */
static __always_inline void recheck_later(struct ek_cpu *cpu, u32 id, u64 t)
{
	struct ek_control *count = counters();
	u64 after = cpu->recheck_backoff_ns;

	after = after < RECHECK_MIN_NS ? RECHECK_MIN_NS : after;
	cpu->recheck[cpu->recheck_len & 7] = id;
	if (cpu->recheck_len < 8)
		cpu->recheck_len++;
	cpu->recheck_backoff_ns = after < RECHECK_MAX_NS ? after * 2 : after;
	arm_exhaust(cpu, t + after);
	if (count)
		__sync_fetch_and_add(&count->rechecks, 1);
}

VERIFIED_ONCE int ek_recheck(u32 index, u64 t)
{
	struct ek_cpu *cpu = cpu_at(index);

	if (!cpu)
		return 0;
	u32 len = cpu->recheck_len;

	cpu->recheck_len = 0;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 8; i++) {
		if (i >= len)
			break;
		u32 id = cpu->recheck[i & 7];
		if (waiting(cpu, id))
			wake(cpu, id, t);
	}
	return 0;
}

static __always_inline bool has_kthreads(struct ek_cpu *cpu)
{
	return READ_ONCE(server_at(cpu, EK_KTHREADS)->queued) > 0;
}

static __always_inline bool has_best_effort(struct ek_cpu *cpu)
{
	return READ_ONCE(server_at(cpu, EK_BEST_EFFORT)->queued) > 0 ||
	       scx_bpf_dsq_nr_queued(DSQ_BEST_EFFORT) > 0;
}

/* The servers of what is in no capsule are woken only where there is somebody to compete with. */
static __always_inline void wake_others(struct ek_cpu *cpu, u32 prev_is, u64 t)
{
	bool kthreads = prev_is == EK_KTHREADS || has_kthreads(cpu);

	if (kthreads)
		wake(cpu, EK_KTHREADS, t);
	if (!without(EK_WITHOUT_FLOOR) &&
	    (kthreads || prev_is == EK_BEST_EFFORT || has_best_effort(cpu)))
		wake(cpu, EK_BEST_EFFORT, t);
}

/* A kernel thread that had a turn of this gives way to best effort once, if it is out of its own server:
 * ksoftirqd under a flood of packets never stops by itself. */
#define KTHREAD_TURN_NS 1000000

/* 1: a thread is on its way; 2: go on with `prev`; 0: nothing there. `own` is the key of `prev` where
 * it is of this server. */
VERIFIED_ONCE int ek_take(u32 index, u32 id, u32 prev_is, u64 own)
{
	u64 narrow = DSQ_BEST_EFFORT_CPU(index);
	struct ek_cpu *cpu = cpu_at(index);
	int taken;

	if (!cpu)
		return 0;

	if (id < EK_KTHREADS) {
		taken = take_capsule(cpu, id, prev_is == id ? own : ~0ULL);
		return taken ? 1 : prev_is == id ? 2 : 0;
	}
	bool last = id == EK_BEST_EFFORT && cpu->kthreads_last;
	if (!last && has_kthreads(cpu) && move_to_local(DSQ_KTHREADS(index)))
		return 1;
	if (!last && prev_is == EK_KTHREADS)
		return 2;
	if (id == EK_KTHREADS)
		return 0;
	/* Most often there is nobody to choose between, and the queue itself is all that is asked. */
	if (prev_is != EK_BEST_EFFORT && READ_ONCE(server_at(cpu, EK_BEST_EFFORT)->queued) == 0)
		taken = move_to_local(DSQ_BEST_EFFORT);
	else
		taken = ek_take_first(DSQ_BEST_EFFORT, narrow,
				      prev_is == EK_BEST_EFFORT ? own : ~0ULL);
	if (taken)
		return 1;
	if (last && has_kthreads(cpu) && move_to_local(DSQ_KTHREADS(index)))
		return 1;
	return prev_is == EK_BEST_EFFORT || (last && prev_is == EK_KTHREADS) ? 2 : 0;
}

/* The queue of server `id` was empty: E7, unless a thread is on its way into it. */
VERIFIED_ONCE int ek_leave(u32 index, u32 id, u64 t)
{
	struct ek_cpu *cpu = cpu_at(index);
	u32 event;

	if (!cpu)
		return 0;
	bpf_spin_lock(&cpu->lock);
	event = server_idle(cpu, id);
	bpf_spin_unlock(&cpu->lock);
	if (event)
		note(cpu, t, SERVER_EVENT(id, event), 0, 0);
	if (id < EK_KTHREADS && waiting(cpu, id))
		recheck_later(cpu, id, t);
	return 0;
}

/* The first ready server that has a thread. */
VERIFIED_ONCE int ek_take_ready(u32 index, u32 prev_is, u64 own, u64 t)
{
	struct ek_cpu *cpu = cpu_at(index);
	struct bpf_iter_num it;
	int taken = 0;

	if (!cpu)
		return 0;
	bpf_iter_num_new(&it, 0, DISPATCH_TRIES);
	while (bpf_iter_num_next(&it)) {
		if (cpu->ready.len == 0)
			break;
		u32 id = cpu->ready.slot[0].id;
		taken = ek_take(cpu->index, id, prev_is, own);
		if (taken) {
			if (id < EK_KTHREADS)
				cpu->recheck_backoff_ns = 0;
			break;
		}
		ek_leave(cpu->index, id, t);
	}
	bpf_iter_num_destroy(&it);
	return taken;
}

/* A CPU that goes offline hands out everything that is bound to it: the kernel moves it on. */
VERIFIED_ONCE int ek_drain(u32 index)
{
	struct bpf_iter_num it;
	int *id, moved = 0;

	if (move_to_local(DSQ_KTHREADS(index)) || move_to_local(DSQ_BEST_EFFORT_CPU(index)))
		return 1;
	bpf_iter_num_new(&it, 1, EK_KTHREADS);
	while ((id = bpf_iter_num_next(&it))) {
		if (*id > settings.capsules)
			break;
		if (scx_bpf_dsq_nr_queued(DSQ_PINNED((u32)*id, index)) > 0 &&
		    move_to_local(DSQ_PINNED((u32)*id, index))) {
			moved = 1;
			break;
		}
	}
	bpf_iter_num_destroy(&it);
	return moved;
}

/* Threads of a capsule whose last CPU has gone while they waited, or that moved away from theirs: they
 * go on here, outside, and are queued again where they belong. */
VERIFIED_ONCE int ek_rescue(void)
{
	struct bpf_iter_num it;
	int *id, moved = 0;

	WRITE_ONCE(orphaned, 0);
	bpf_iter_num_new(&it, 1, EK_KTHREADS);
	while ((id = bpf_iter_num_next(&it))) {
		u32 capsule = *id;
		if (capsule > settings.capsules)
			break;
		struct ek_capsule *its = capsule_at(capsule);
		if (!its)
			break;
		if (scx_bpf_dsq_nr_queued(DSQ_SHARED(capsule)) <= 0) {
			its->strays = 0;
			continue;
		}
		u32 strays = READ_ONCE(its->strays);
		if (strays == 0 && ek_has_cpu(capsule))
			continue;
		/* There may be more, here or for another CPU. */
		WRITE_ONCE(orphaned, 1);
		if (move_to_local(DSQ_SHARED(capsule))) {
			if (strays)
				__sync_fetch_and_add(&its->strays, -1);
			moved = 1;
			break;
		}
	}
	bpf_iter_num_destroy(&it);
	return moved;
}

SEC("struct_ops/ek_dispatch")
void ek_dispatch(u64 *ctx)
{
	struct ek_cpu *cpu = cpu_at(ctx[0]);
	struct task_struct *prev = (void *)ctx[1];
	struct task *task = NULL;
	u32 prev_is = 0;
	u64 t = now(), own = ~0ULL;
	int taken = 0;

	if (!cpu)
		return;
	cpu->dispatches++;
	/* Its queue of threads may hold some that a CPU on its way out is not given. */
	if (!cpu->online) {
		if (!ek_drain(cpu->index) && READ_ONCE(orphaned))
			ek_rescue();
		return;
	}
	if (READ_ONCE(orphaned) && ek_rescue())
		return;
	if (READ_ONCE(cpu->orphans)) {
		WRITE_ONCE(cpu->orphans, 0);
		if (ek_drain(cpu->index)) {
			WRITE_ONCE(cpu->orphans, 1);
			return;
		}
	}
	if (prev && (prev->scx.flags & SCX_TASK_QUEUED)) {
		task = task_of(prev);
		if (task && task->server) {
			settle(cpu, prev, task, t);
			/* One that has been moved elsewhere is queued anew. */
			if (server_of(prev, task) == task->server) {
				prev_is = task->server;
				if (prev_is == EK_BEST_EFFORT) {
					own = task->vtime;
					if (task->turn < TURN_MIN_NS)
						task->turn = settings.slice_ns;
				} else {
					next_key(task, t, false, settings.capsule_slice_ns);
					own = task->key;
				}
			}
		}
	}
	cpu->kthreads_last = prev_is == EK_KTHREADS && t - cpu->current_since_ns >= KTHREAD_TURN_NS;
	replenish_due(cpu, t);
	if (cpu->recheck_len)
		ek_recheck(cpu->index, t);
	if (cpu->ready.len)
		wake_others(cpu, prev_is, t);
	if (cpu->ready.len)
		taken = ek_take_ready(cpu->index, prev_is, own, t);
	if (!taken)
		taken = ek_take(cpu->index, EK_BEST_EFFORT,
				prev_is >= EK_KTHREADS ? prev_is : 0, own);
	if (taken == 2 && prev && task)
		keep(cpu, prev, task, t);
	else if (!taken && ek_look_for_cpus())
		kick_all(cpu);
}

#endif
