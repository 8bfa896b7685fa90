/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose time a thread uses, what is charged, how long it may go on, and how many threads wait for a
 * server.
 */
#ifndef EVENKEEL_CHARGE_BPF_H
#define EVENKEEL_CHARGE_BPF_H

/* A thread waits no longer than the kernel's watchdog (30 s) allows: a queue goes round in this. */
#define ROUND_NS 8000000000ULL
/* Shortest turn in a crowd: some ten times the cost of a switch. */
#define TURN_MIN_NS 100000
/* Turns below the longest tick in use need the timer to end. */
#define TICK_MAX_NS 4000000

static __always_inline bool is_percpu_kthread(struct task_struct *p)
{
	return (p->flags & PF_KTHREAD) && p->nr_cpus_allowed == 1 &&
	       !without(EK_WITHOUT_KTHREADS);
}

/* The server that a thread belongs to now. */
static __always_inline u32 server_of(struct task_struct *p, struct task *task)
{
	if (task->capsule) {
		struct ek_capsule *capsule = capsule_at(task->capsule);
		if (capsule && capsule->state == EK_ACTIVE)
			return task->capsule;
	}
	return is_percpu_kthread(p) ? EK_KTHREADS : EK_BEST_EFFORT;
}

/* What interrupts and the hypervisor took from this CPU since it started, as far as the kernel tells
 * them apart (CONFIG_IRQ_TIME_ACCOUNTING, CONFIG_PARAVIRT_TIME_ACCOUNTING). */
static __always_inline u64 taken_from(struct ek_cpu *cpu)
{
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, cpu->index);

	return rq ? rq->clock - rq->clock_task : 0;
}

/* How long what runs has run since the last time, by our own clock, without what was taken from it.
 * The kernel's account (sum_exec_runtime) is none to enforce budgets by: after a choice made while
 * the CPU was idle it leaves the clock of the run queue as it is at the next choice
 * (rq_clock_skip_update() in wakeup_preempt(), kernel/sched/core.c), charges nothing however long a
 * thread ran, and all of it to what follows. */
static __always_inline u64 executed_since(struct ek_cpu *cpu, u64 t)
{
	u64 all = taken_from(cpu);
	s64 executed = (s64)(t - cpu->settled_ns) - (s64)(all - cpu->taken_ns);

	cpu->settled_ns = t;
	cpu->taken_ns = all;
	return executed > 0 ? executed : 0;
}

/* E3, E4 and what is recorded of them. */
VERIFIED_ONCE int ek_charge(u32 index, u32 id, u64 executed, u64 t, u64 tid_level)
{
	struct ek_cpu *cpu = cpu_at(index);
	u32 missed, exhausted;

	if (!cpu)
		return 0;
	bpf_spin_lock(&cpu->lock);
	missed = server_charge(cpu, id, executed, t);
	exhausted = server_exhaust(cpu, id);
	/* The floor of best effort is what the host has beside its capsules: kernel threads included. */
	if (id == EK_KTHREADS) {
		server_charge(cpu, EK_BEST_EFFORT, executed, t);
		server_exhaust(cpu, EK_BEST_EFFORT);
	}
	bpf_spin_unlock(&cpu->lock);
	note(cpu, t, SERVER_EVENT(id, EK_EV_CHARGE), executed, tid_level);
	if (missed)
		note(cpu, t, SERVER_EVENT(id, missed), 0, tid_level);
	if (exhausted)
		note(cpu, t, SERVER_EVENT(id, exhausted), 0, tid_level);
	if (exhausted || id == EK_KTHREADS)
		arm_replenish(cpu);
	return 0;
}

/* `executed` is charged to server `id`. */
static __always_inline void charge(struct ek_cpu *cpu, u32 id, u64 executed, u64 t, u64 tid_level)
{
	/* Nobody competes with best effort here: there is no budget to charge, and no lock to take. */
	struct ek_server *rest = server_at(cpu, EK_BEST_EFFORT);

	if (id == EK_BEST_EFFORT && READ_ONCE(rest->state) != EK_READY) {
		rest->used_ns += executed;
		note(cpu, t, SERVER_EVENT(id, EK_EV_CHARGE), executed, tid_level);
		return;
	}
	ek_charge(cpu->index, id, executed, t, tid_level);
}

/* What `p` has executed since the last time is charged. */
static __always_inline void settle(struct ek_cpu *cpu, struct task_struct *p, struct task *task,
				   u64 t)
{
	u32 id = task->server;
	u64 executed = executed_since(cpu, t);

	if (executed == 0)
		return;
	task->turn = task->turn > executed ? task->turn - executed : 0;
	if (id == EK_BEST_EFFORT) {
		u64 weight = (u64)p->scx.weight * task->group_weight;
		task->vtime += weight == 10000 ? executed : executed * 10000 / (weight ? weight : 1);
	}
	charge(cpu, id, executed, t, TID_LEVEL(p, task));
}

/* A thread leaves the CPU: it pays for the switch to the next. That takes some microseconds, as much
 * as budgets are to be exact to; so each of them is in one account, and where the kernel's own trace
 * has it. */
static __always_inline void leave_behind(struct ek_cpu *cpu, struct task_struct *p,
					 struct task *task, bool runnable)
{
	cpu->left_server = task->server;
	cpu->left_tid = p->pid;
	cpu->left_level = task->level;
	cpu->left_runnable = runnable;
}

/* The switch is over: what runs is charged from here. */
static __always_inline void end_switch(struct ek_cpu *cpu, u64 t)
{
	u64 tid_level = (u64)cpu->left_tid << 32 | cpu->left_level;
	u64 executed = executed_since(cpu, t);

	if (cpu->left_server && executed)
		charge(cpu, cpu->left_server, executed, t, tid_level);
	cpu->left_server = 0;
	cpu->left_tid = 0;
}

/* Bit of the soft interrupt that timers such as ours run in. */
#define HRTIMER_SOFTIRQ 8
/* Longer than the soft interrupts of a tick take. */
#define NEAR_NS 100000

/* Has a timer been left to ksoftirqd? handle_softirqs() (kernel/softirq.c) does that where one becomes
 * due while others are served and the CPU is to be rescheduled. Until ksoftirqd has had its turn, or
 * until the next interrupt, which may be the tick, no timer of ours fires on this CPU
 * (softirq_activated, kernel/time/hrtimer.c). Looked for where a thread begins or goes on, where
 * ksoftirqd wakes, and, since the kernel goes on with a thread that has slice left without a word to us,
 * after each tick that has a timer near. */
static __always_inline bool timers_were_left(struct ek_cpu *cpu)
{
	u32 pending = 0;

	if (&__softirq_pending) {
		const u16 *its = bpf_per_cpu_ptr(&__softirq_pending, cpu->index);
		if (its)
			pending = *its;
	} else if (&irq_stat) {
		const irq_cpustat_t *its = bpf_per_cpu_ptr(&irq_stat, cpu->index);
		if (its && __builtin_preserve_field_info(its->__softirq_pending, 2))
			pending = its->__softirq_pending;
	}
	return pending >> HRTIMER_SOFTIRQ & 1;
}

/* Is a timer of ours due while the soft interrupts of this tick are served? */
static __always_inline bool has_timer_near(struct ek_cpu *cpu, u64 t)
{
	u64 soon = t + NEAR_NS;

	return (cpu->exhausted_at_ns && cpu->exhausted_at_ns < soon) ||
	       (cpu->throttled.len && cpu->throttled.slot[0].key < soon);
}

/* Does `p` run already? Then it was of another class until now, or an attribute of it was changed, and no
 * switch follows. */
static __always_inline bool is_on_cpu(struct ek_cpu *cpu, struct task_struct *p)
{
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, cpu->index);

	return rq && rq->curr == p;
}

/* How long what runs may go on from `t`: for its turn or its server's budget, whichever ends first. */
static __noinline int arm_end(struct ek_cpu *cpu, struct task *task, u64 t)
{
	u32 id = task->server;
	struct ek_server *s = server_at(cpu, id);
	u64 until = 0;

	/* The end of the interrupt that this causes serves them. */
	if (timers_were_left(cpu))
		kick(cpu, SCX_KICK_PREEMPT);
	/* A CPU on its way out: a timer for each run of ksoftirqd would wake ksoftirqd again. */
	if (id == EK_KTHREADS && !is_usable(cpu)) {
		cpu->exhausted_at_ns = 0;
		return 0;
	}
	if (s->state == EK_READY && s->budget_left_ns > 0) {
		u64 left = s->budget_left_ns;
		until = t + (left > ARM_MIN_NS ? left : ARM_MIN_NS);
	}
	if (task->turn < TICK_MAX_NS && (id != EK_BEST_EFFORT || cpu->ready.len)) {
		u64 turn = t + (task->turn > ARM_MIN_NS ? task->turn : ARM_MIN_NS);
		if (until == 0 || turn < until)
			until = turn;
	}
	cpu->exhausted_at_ns = until;
	if (until)
		arm_exhaust(cpu, until);
	return 0;
}

/* `p` begins to run, or goes on. */
static __always_inline void begin(struct ek_cpu *cpu, struct task_struct *p, struct task *task, u64 t)
{
	cpu->current = task->server;
	cpu->current_level = task->level;
	cpu->current_tid = p->pid;
	cpu->current_since_ns = t;
	cpu->current_vtime = task->vtime;
}

static __always_inline void count_queued(struct task *task, u32 id, s32 home, struct ek_cpu *cpu)
{
	task->queued = 1;
	task->queued_server = id;
	task->queued_cpu = home;
	if (home >= 0) {
		__sync_fetch_and_add(&server_at(cpu, id)->queued, 1);
	} else {
		struct ek_capsule *capsule = capsule_at(id);
		if (capsule)
			__sync_fetch_and_add(&capsule->queued, 1);
	}
}

static __noinline int uncount_queued(struct task *task)
{
	if (!task->queued)
		return 0;
	task->queued = 0;
	if (task->queued_cpu >= 0) {
		struct ek_cpu *cpu = cpu_at(task->queued_cpu);
		if (cpu)
			__sync_fetch_and_add(&server_at(cpu, task->queued_server)->queued, -1);
	} else {
		struct ek_capsule *capsule = capsule_at(task->queued_server);
		if (capsule)
			__sync_fetch_and_add(&capsule->queued, -1);
	}
	return 0;
}

/* Threads that wait for server `id` of `cpu`, those on their way into its queue included. */
static __always_inline u32 waiting(struct ek_cpu *cpu, u32 id)
{
	struct ek_capsule *capsule = capsule_at(id);
	u32 shared = capsule && in_mask(capsule, cpu->index) ? READ_ONCE(capsule->queued) : 0;

	return shared + READ_ONCE(server_at(cpu, id)->queued);
}

#endif
