/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler: hard constant bandwidth servers, one for each capsule on each of its CPUs, earliest
 * deadline first among those of a CPU; inside a capsule the threads of the most urgent level first,
 * on as many CPUs as it has budget on. What is in no capsule shares what is left by weight, and has
 * a server of its own for its floor; the CPU's own kernel threads come before it.
 *
 *   enqueue ---> queue of the capsule (any of its CPUs) or of (capsule, CPU); wakes servers (E1)
 *   dispatch --> charge (E3, E4), replenish (E5, E6), first ready server (E2) -> its first thread
 *   timers ----> the end of a budget preempts; the start of one wakes
 *   tick ------> all of this again, should a timer be late
 *
 * What it refuses to do: to keep a thread on a CPU past its server's budget because the CPU would be
 * idle otherwise (a reservation is a limit, too); to take a lock of the kernel while it holds its own.
 */
#include "kernel.bpf.h"
#include "evenkeel.h"
#include "heap.bpf.h"
#include "server.bpf.h"
#include "state.bpf.h"
#include "clock.bpf.h"
#include "place.bpf.h"

char _license[] SEC("license") = "GPL";

/* Servers without work that one dispatch takes off the queue before it gives up; a wake-up readies a
 * server on each CPU of a capsule, and only one finds the thread. */
#define DISPATCH_TRIES 64
/* A thread waits no longer than the kernel's watchdog (30 s) allows: a queue goes round in this. */
#define ROUND_NS 8000000000ULL
/* Shortest turn in a crowd: some ten times the cost of a switch. */
#define TURN_MIN_NS 100000
/* Turns below the longest tick in use need the timer to end. */
#define TICK_MAX_NS 4000000
/* A waking thread preempts one of best effort that is ahead of it by this in virtual time. */
#define WAKE_LAG_NS 300000
/* The queue was empty although a thread is on its way into it: look again, less and less often. */
#define RECHECK_MIN_NS 50000
#define RECHECK_MAX_NS 10000000

static __always_inline bool is_percpu_kthread(struct task_struct *p)
{
	return (p->flags & PF_KTHREAD) && p->nr_cpus_allowed == 1 &&
	       !(settings.unsafe_without & EK_WITHOUT_KTHREADS);
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

/* E3, E4 of what `p` has executed since the last time. */
static __noinline int settle(struct ek_cpu *cpu, struct task_struct *p, struct task *task, u64 t)
{
	u32 id = task->server;
	u64 executed = p->se.sum_exec_runtime - task->charged;
	u32 missed, exhausted;

	if (executed == 0)
		return 0;
	task->charged += executed;
	task->turn = task->turn > executed ? task->turn - executed : 0;
	if (id == EK_BEST_EFFORT) {
		u64 weight = (u64)p->scx.weight * task->group_weight / 100;
		task->vtime += executed * 100 / (weight ? weight : 1);
	}
	bpf_spin_lock(&cpu->lock);
	missed = server_charge(cpu, id, executed, t);
	exhausted = server_exhaust(cpu, id);
	/* The floor of best effort is what the host has beside its capsules: kernel threads included. */
	if (id == EK_KTHREADS) {
		server_charge(cpu, EK_BEST_EFFORT, executed, t);
		server_exhaust(cpu, EK_BEST_EFFORT);
	}
	bpf_spin_unlock(&cpu->lock);
	note(cpu, t, SERVER_EVENT(id, EK_EV_CHARGE), executed, TID_LEVEL(p, task));
	if (missed)
		note(cpu, t, SERVER_EVENT(id, missed), 0, TID_LEVEL(p, task));
	if (exhausted)
		note(cpu, t, SERVER_EVENT(id, exhausted), 0, TID_LEVEL(p, task));
	if (exhausted || id == EK_KTHREADS)
		arm_replenish(cpu);
	return 0;
}

/* `p` begins to run, or goes on, for its turn or its server's budget, whichever ends first. */
static __noinline int begin(struct ek_cpu *cpu, struct task_struct *p, struct task *task, u64 t)
{
	u32 id = task->server;
	struct ek_server *s = server_at(cpu, id);
	u64 until = 0;

	cpu->current = id;
	cpu->current_level = task->level;
	cpu->current_tid = p->pid;
	cpu->current_since_ns = t;
	cpu->current_vtime = task->vtime;
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

/* Where `p` of `capsule` may wait: -1 for the queue of all its CPUs, else the CPU, -2 if it may run on
 * none of them. A queue of all CPUs holds only what each of them can run: else it could fill with
 * threads that a CPU finds and cannot take. */
static __noinline int home_of(struct task_struct *p, struct task *task, struct ek_capsule *capsule)
{
	u32 here = scx_bpf_task_cpu(p);
	bool all = true;
	s32 any = -2;
	struct bpf_iter_num it;
	int *index;

	if (settings.unsafe_without & EK_WITHOUT_PINNED)
		return -1;
	if (task->fit == 1 && task->fit_generation == capsule->generation && p->migration_disabled <= 1)
		return -1;
	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		u32 cpu = *index;
		if (!in_mask(capsule, cpu))
			continue;
		if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
			all = false;
		else if (any < 0 || cpu == here)
			any = cpu;
	}
	bpf_iter_num_destroy(&it);
	task->fit = all ? 1 : 2;
	task->fit_generation = capsule->generation;
	if (all && p->migration_disabled <= 1)
		return -1;
	return any;
}

/* The length of a turn where `crowd` threads share `share` per mille of a CPU. */
static __always_inline u64 turn_of(u64 slice, u64 crowd, u64 share)
{
	u64 turn;

	if (crowd < 16)
		return slice;
	turn = ROUND_NS / 1000 * share / crowd;
	return turn < TURN_MIN_NS ? TURN_MIN_NS : turn < slice ? turn : slice;
}

/* The place in the queue: among equals who waits longest is first, and a level counts as that much
 * waiting, so that nobody waits for ever. What is left of a turn keeps its old place. */
static __always_inline void next_key(struct task *task, u64 t, bool woken, u64 turn)
{
	u64 ageing = settings.unsafe_without & EK_WITHOUT_AGEING ? 1ULL << 58 : settings.ageing_ns;

	if (!woken && task->turn > TURN_MIN_NS)
		return;
	task->turn = turn;
	task->key = t + task->level * ageing;
}

/* How much `p`, just queued for server `id`, wants the CPU; 0: not at all. */
static __always_inline u32 claim_on(struct ek_cpu *cpu, u32 id, u32 level)
{
	struct ek_server *s = server_at(cpu, id);
	u32 current = cpu->current;

	if (s->state != EK_READY || !cpu->online)
		return 0;
	if (current == 0)
		return 4;
	if (current == id)
		return level < cpu->current_level ? 1 : 0;
	u64 deadline = current_deadline(cpu);
	if (deadline == ~0ULL)
		return 3;
	return s->deadline_ns < deadline ? 2 : 0;
}

static __always_inline void kick_for(struct ek_cpu *cpu, u32 claim)
{
	if (claim == 4)
		kick(cpu, SCX_KICK_IDLE);
	else if (claim)
		kick(cpu, SCX_KICK_PREEMPT);
}

/* E1 on every CPU of the capsule, and one of them told to look. */
static __noinline int wake_all(struct ek_capsule *capsule, u32 id, u32 level, u32 here)
{
	u64 t = now();
	u32 best = 0, best_cpu = 0;
	struct bpf_iter_num it;
	int *index;

	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		u32 at = *index;
		if (!in_mask(capsule, at))
			continue;
		struct ek_cpu *cpu = cpu_at(at);
		if (!cpu || !cpu->online)
			continue;
		wake(cpu, id, t);
		u32 claim = claim_on(cpu, id, level) * 2 + (at == here);
		if (claim > 1 && claim > best) {
			best = claim;
			best_cpu = at;
		}
	}
	bpf_iter_num_destroy(&it);
	struct ek_cpu *cpu = cpu_at(best_cpu);
	if (cpu)
		kick_for(cpu, best / 2);
	return 0;
}

/* An arrival, where it is one: what comes back after its turn was there all the time. */
static __always_inline void note_wake(struct ek_cpu *cpu, u64 t, struct task_struct *p,
				      struct task *task, u64 flags)
{
	if (flags & SCX_ENQ_WAKEUP)
		note(cpu, t, SERVER_EVENT(task->capsule, EK_EV_WAKE), 0, TID_LEVEL(p, task));
}

static __noinline bool enqueue_capsule(struct task_struct *p, struct task *task, u64 flags)
{
	u32 id = task->capsule, here = scx_bpf_task_cpu(p);
	struct ek_capsule *capsule = capsule_at(id);
	u64 t = now();
	s32 home;

	if (!capsule || capsule->state != EK_ACTIVE || capsule->period_ns == 0)
		return false;
	home = home_of(p, task, capsule);
	if (home == -2) {
		struct ek_control *count = counters();
		if (count)
			__sync_fetch_and_add(&count->misplaced, 1);
		return false;
	}
	u64 share = capsule->budget_ns * 1000 / capsule->period_ns;
	next_key(task, t, flags & SCX_ENQ_WAKEUP,
		 turn_of(settings.capsule_slice_ns, capsule->queued, share));
	if (home < 0) {
		struct ek_cpu *cpu = cpu_at(here);
		if (!cpu)
			return false;
		count_queued(task, id, -1, cpu);
		insert_by_key(p, DSQ_SHARED(id), task->turn, task->key, flags);
		note_wake(cpu, t, p, task, flags);
		wake_all(capsule, id, task->level, here);
	} else {
		struct ek_cpu *cpu = cpu_at(home);
		if (!cpu)
			return false;
		count_queued(task, id, home, cpu);
		insert_by_key(p, DSQ_PINNED(id, home), task->turn, task->key, flags);
		note_wake(cpu, t, p, task, flags);
		wake(cpu, id, t);
		kick_for(cpu, claim_on(cpu, id, task->level));
	}
	return true;
}

static __always_inline void enqueue_kthread(struct task_struct *p, struct task *task,
					    struct ek_cpu *cpu)
{
	u64 t = now();

	task->turn = settings.slice_ns;
	insert(p, DSQ_KTHREADS(cpu->index), settings.slice_ns);
	if (cpu->current == 0) {
		kick(cpu, SCX_KICK_IDLE);
	} else if (cpu->current == EK_BEST_EFFORT) {
		kick(cpu, SCX_KICK_PREEMPT);
	} else if (cpu->current != EK_KTHREADS) {
		wake(cpu, EK_KTHREADS, t);
		kick_for(cpu, claim_on(cpu, EK_KTHREADS, 0));
	}
}

/* Virtual time that a thread of best effort waits with: not more than a turn of credit for sleep,
 * and not further ahead than the watchdog lets it wait. */
static __always_inline void next_vtime(struct task *task, u64 crowd)
{
	u64 credit = settings.slice_ns, least = vtime_now - credit;

	if ((s64)(task->vtime - least) < 0)
		task->vtime = least;
	if (crowd >= 16) {
		u64 most = vtime_now + ROUND_NS / 1000 * settings.floor_percent * 10 / crowd;
		if ((s64)(task->vtime - most) > 0)
			task->vtime = most;
	}
}

static __always_inline void refresh_weight(struct task_struct *p, struct task *task)
{
	struct cgroup *group;

	if (task->weights_generation == weights_generation)
		return;
	group = scx_bpf_task_cgroup(p);
	if (!group)
		return;
	place_by_group(group, task);
	bpf_cgroup_release(group);
}

static __noinline int enqueue_best_effort(struct task_struct *p, struct task *task,
					  struct ek_cpu *cpu, u64 flags)
{
	u64 crowd = scx_bpf_dsq_nr_queued(DSQ_BEST_EFFORT);
	bool pinned = p->nr_cpus_allowed < settings.cpus || p->migration_disabled > 1;
	u64 t = now();

	refresh_weight(p, task);
	if ((flags & SCX_ENQ_WAKEUP) || task->turn < TURN_MIN_NS)
		task->turn = turn_of(settings.slice_ns, crowd, settings.floor_percent * 10);
	next_vtime(task, crowd);
	insert_by_key(p, pinned ? DSQ_BEST_EFFORT_CPU(cpu->index) : DSQ_BEST_EFFORT, task->turn,
		      task->vtime, flags);
	if (cpu->current == 0) {
		kick(cpu, SCX_KICK_IDLE);
	} else if (cpu->current == EK_BEST_EFFORT) {
		u64 ran = t - cpu->current_since_ns;
		if ((flags & SCX_ENQ_WAKEUP) &&
		    (s64)(cpu->current_vtime + ran - task->vtime) > WAKE_LAG_NS)
			kick(cpu, SCX_KICK_PREEMPT);
	} else if (cpu->current != EK_KTHREADS && !(settings.unsafe_without & EK_WITHOUT_FLOOR)) {
		wake(cpu, EK_BEST_EFFORT, t);
		kick_for(cpu, claim_on(cpu, EK_BEST_EFFORT, 0));
	}
	/* Its own CPU may be busy with threads that outrank us. */
	if (!pinned) {
		s32 idle = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
		if (idle >= 0)
			scx_bpf_kick_cpu(idle, SCX_KICK_IDLE);
	}
	return 0;
}

SEC("struct_ops/ek_enqueue")
void ek_enqueue(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	u64 flags = ctx[1];
	struct task *task = task_of(p);
	struct ek_cpu *cpu = cpu_at(scx_bpf_task_cpu(p));

	if (!task || !cpu) {
		/* Cannot be; but no thread is ever lost. */
		insert(p, SCX_DSQ_LOCAL, settings.slice_ns);
		return;
	}
	if (task->queued)
		uncount_queued(task);
	if (task->capsule && enqueue_capsule(p, task, flags))
		return;
	if (is_percpu_kthread(p))
		enqueue_kthread(p, task, cpu);
	else
		enqueue_best_effort(p, task, cpu, flags);
}

/* An idle CPU of the capsule that `p` may run on, the last one first. */
static __noinline int idle_cpu_of(struct task_struct *p, struct ek_capsule *capsule, s32 prev_cpu)
{
	struct bpf_iter_num it;
	s32 found = -1, first = -1;
	int *index;

	if (in_mask(capsule, prev_cpu) && scx_bpf_test_and_clear_cpu_idle(prev_cpu))
		return prev_cpu;
	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		u32 cpu = *index;
		if (!in_mask(capsule, cpu) || !bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
			continue;
		if (first < 0)
			first = cpu;
		if (scx_bpf_test_and_clear_cpu_idle(cpu)) {
			found = cpu;
			break;
		}
	}
	bpf_iter_num_destroy(&it);
	if (found >= 0)
		return found;
	return in_mask(capsule, prev_cpu) || first < 0 ? prev_cpu : first;
}

SEC("struct_ops/ek_select_cpu")
int ek_select_cpu(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	s32 prev_cpu = ctx[1];
	u64 wake_flags = ctx[2];
	struct task *task = task_of(p);
	bool idle = false;
	s32 cpu;

	if (task && task->capsule) {
		struct ek_capsule *capsule = capsule_at(task->capsule);
		if (capsule && capsule->state == EK_ACTIVE)
			return idle_cpu_of(p, capsule, prev_cpu);
	}
	cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle);
	if (idle && task) {
		task->turn = settings.slice_ns;
		next_vtime(task, 0);
		insert(p, SCX_DSQ_LOCAL, settings.slice_ns);
	}
	return cpu;
}

/* The key of the first thread of a queue; the greatest where it is empty. */
static __noinline u64 first_key(u64 dsq)
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
	return true;
}

/* The first thread of the two queues, or `prev` (whose key is `own`) where it comes before both. */
static __noinline int take_first(u64 wide, u64 narrow, u64 own)
{
	s32 n_wide = scx_bpf_dsq_nr_queued(wide), n_narrow = scx_bpf_dsq_nr_queued(narrow);
	u64 k_wide = ~0ULL, k_narrow = ~0ULL;

	if (n_wide <= 0 && n_narrow <= 0)
		return 0;
	if (own != ~0ULL || (n_wide > 0 && n_narrow > 0)) {
		k_wide = first_key(wide);
		k_narrow = first_key(narrow);
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
static __noinline int take_named(struct ek_cpu *cpu, u64 dsq, u32 tid)
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
				found = scx_bpf_dsq_move___new(&it, p, SCX_DSQ_LOCAL_ON | cpu->index,
							       0);
				break;
			}
		}
		bpf_iter_num_destroy(&most);
	}
	bpf_iter_scx_dsq_destroy(&it);
	return found;
}

static __noinline int take_capsule(struct ek_cpu *cpu, u32 id, u64 own)
{
	struct ek_capsule *capsule = capsule_at(id);
	u64 narrow = DSQ_PINNED(id, cpu->index);
	/* A CPU that the capsule has left takes only what is bound to it. */
	u64 wide = capsule && in_mask(capsule, cpu->index) ? DSQ_SHARED(id) : narrow;

	if (capsule && capsule->yield_to) {
		u32 tid = capsule->yield_to;
		capsule->yield_to = 0;
		if (take_named(cpu, wide, tid) || take_named(cpu, narrow, tid)) {
			struct ek_control *count = counters();
			if (count)
				__sync_fetch_and_add(&count->yields_honoured, 1);
			return 1;
		}
	}
	return take_first(wide, narrow, own);
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

static __noinline int recheck(struct ek_cpu *cpu, u64 t)
{
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
	return scx_bpf_dsq_nr_queued(DSQ_KTHREADS(cpu->index)) > 0;
}

static __always_inline bool has_best_effort(struct ek_cpu *cpu)
{
	return scx_bpf_dsq_nr_queued(DSQ_BEST_EFFORT) > 0 ||
	       scx_bpf_dsq_nr_queued(DSQ_BEST_EFFORT_CPU(cpu->index)) > 0;
}

/* The servers of what is in no capsule are woken only where there is somebody to compete with. */
static __always_inline void wake_others(struct ek_cpu *cpu, u32 prev_is, u64 t)
{
	bool kthreads = prev_is == EK_KTHREADS || has_kthreads(cpu);

	if (kthreads)
		wake(cpu, EK_KTHREADS, t);
	if (!(settings.unsafe_without & EK_WITHOUT_FLOOR) &&
	    (kthreads || prev_is == EK_BEST_EFFORT || has_best_effort(cpu)))
		wake(cpu, EK_BEST_EFFORT, t);
}

/* 1: a thread is on its way; 2: go on with `prev`; 0: nothing there. `own` is the key of `prev` where
 * it is of this server. */
static __noinline int take(struct ek_cpu *cpu, u32 id, u32 prev_is, u64 own)
{
	u64 narrow = DSQ_BEST_EFFORT_CPU(cpu->index);
	int taken;

	if (id < EK_KTHREADS) {
		taken = take_capsule(cpu, id, prev_is == id ? own : ~0ULL);
		return taken ? 1 : prev_is == id ? 2 : 0;
	}
	if (has_kthreads(cpu) && move_to_local(DSQ_KTHREADS(cpu->index)))
		return 1;
	if (prev_is == EK_KTHREADS)
		return 2;
	if (id == EK_KTHREADS)
		return 0;
	taken = take_first(DSQ_BEST_EFFORT, narrow, prev_is == EK_BEST_EFFORT ? own : ~0ULL);
	return taken ? 1 : prev_is == EK_BEST_EFFORT ? 2 : 0;
}

/* The queue of server `id` was empty: E7, unless a thread is on its way into it. */
static __noinline int leave(struct ek_cpu *cpu, u32 id, u64 t)
{
	u32 event;

	bpf_spin_lock(&cpu->lock);
	event = server_idle(cpu, id);
	bpf_spin_unlock(&cpu->lock);
	if (event)
		note(cpu, t, SERVER_EVENT(id, event), 0, 0);
	if (id < EK_KTHREADS && waiting(cpu, id))
		recheck_later(cpu, id, t);
	return 0;
}

/* A CPU that goes offline hands out everything that is bound to it: the kernel moves it on. */
static __noinline int drain(struct ek_cpu *cpu)
{
	struct bpf_iter_num it;
	int *id, moved = 0;

	if (move_to_local(DSQ_KTHREADS(cpu->index)) ||
	    move_to_local(DSQ_BEST_EFFORT_CPU(cpu->index)))
		return 1;
	bpf_iter_num_new(&it, 1, EK_KTHREADS);
	while ((id = bpf_iter_num_next(&it))) {
		if (*id > settings.capsules)
			break;
		if (scx_bpf_dsq_nr_queued(DSQ_PINNED((u32)*id, cpu->index)) > 0 &&
		    move_to_local(DSQ_PINNED((u32)*id, cpu->index))) {
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
	struct bpf_iter_num it;
	int taken = 0;

	if (!cpu)
		return;
	cpu->dispatches++;
	if (!cpu->online && drain(cpu))
		return;
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
	replenish_due(cpu, t);
	if (cpu->recheck_len)
		recheck(cpu, t);
	if (cpu->ready.len)
		wake_others(cpu, prev_is, t);
	bpf_iter_num_new(&it, 0, DISPATCH_TRIES);
	while (bpf_iter_num_next(&it)) {
		if (cpu->ready.len == 0)
			break;
		u32 id = cpu->ready.slot[0].id;
		taken = take(cpu, id, prev_is, own);
		if (taken)
			break;
		leave(cpu, id, t);
	}
	bpf_iter_num_destroy(&it);
	if (!taken)
		taken = take(cpu, EK_BEST_EFFORT,
			     prev_is >= EK_KTHREADS ? prev_is : 0, own);
	if (taken)
		cpu->recheck_backoff_ns = 0;
	if (taken == 2 && prev && task)
		keep(cpu, prev, task, t);
}

SEC("struct_ops/ek_running")
void ek_running(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct task *task = task_of(p);
	struct ek_cpu *cpu = cpu_at(scx_bpf_task_cpu(p));
	u64 t = now();

	if (!task || !cpu)
		return;
	u32 queued_server = task->queued ? task->queued_server : 0;
	uncount_queued(task);
	task->charged = p->se.sum_exec_runtime;
	u32 id = server_of(p, task);
	/* A CPU that the capsule has no server on runs it as best effort. */
	if (id < EK_KTHREADS && server_at(cpu, id)->period_next_ns == 0 &&
	    server_at(cpu, id)->state == EK_IDLE)
		id = EK_BEST_EFFORT;
	task->server = id;
	if (id == EK_BEST_EFFORT && (s64)(task->vtime - vtime_now) > 0)
		vtime_now = task->vtime;
	if (id < EK_KTHREADS) {
		/* It may come here past the queue: an attribute was changed while it ran. */
		wake(cpu, id, t);
	}
	note(cpu, t, SERVER_EVENT(id, EK_EV_RUN), 0, TID_LEVEL(p, task));
	begin(cpu, p, task, t);
	/* Not the one to run (any more): moved while it was queued, out of budget, or overtaken between
	 * the choice and now. */
	if ((id < EK_KTHREADS && server_at(cpu, id)->state == EK_THROTTLED) ||
	    (queued_server && queued_server != id) || is_beaten(cpu))
		kick(cpu, SCX_KICK_PREEMPT);
}

SEC("struct_ops/ek_stopping")
void ek_stopping(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	bool runnable = ctx[1];
	struct task *task = task_of(p);
	struct ek_cpu *cpu = cpu_at(scx_bpf_task_cpu(p));
	u64 t = now();
	u32 id, event = 0;

	if (!task || !cpu)
		return;
	id = task->server;
	settle(cpu, p, task, t);
	cpu->current = 0;
	cpu->current_tid = 0;
	cpu->exhausted_at_ns = 0;
	note(cpu, t, SERVER_EVENT(id, runnable ? EK_EV_STOP : EK_EV_BLOCK), 0, TID_LEVEL(p, task));
	if (id == 0 || id >= EK_KTHREADS)
		return;
	if (!runnable && !waiting(cpu, id)) {
		bpf_spin_lock(&cpu->lock);
		event = server_idle(cpu, id);
		bpf_spin_unlock(&cpu->lock);
	}
	if (event)
		note(cpu, t, SERVER_EVENT(id, event), 0, 0);
}

SEC("struct_ops/ek_quiescent")
void ek_quiescent(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct task *task = task_of(p);

	if (task)
		uncount_queued(task);
}

SEC("struct_ops/ek_tick")
void ek_tick(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct task *task = task_of(p);
	struct ek_cpu *cpu = cpu_at(scx_bpf_task_cpu(p));
	u64 t = now();

	if (!task || !cpu || !task->server)
		return;
	settle(cpu, p, task, t);
	replenish_due(cpu, t);
	if (settings.unsafe_without & EK_WITHOUT_TIMER)
		return;
	if ((task->server < EK_KTHREADS && server_at(cpu, task->server)->state == EK_THROTTLED) ||
	    is_beaten(cpu))
		set_slice(p, 0);
}

/* A virtual CPU that spins for another of its machine gives way to it: inside their capsule that is
 * all right, beyond it nobody gives anything. */
SEC("struct_ops/ek_yield")
bool ek_yield(u64 *ctx)
{
	struct task_struct *from = (void *)ctx[0];
	struct task_struct *to = (void *)ctx[1];
	struct task *mine = task_of(from), *its;
	struct ek_control *count = counters();

	if (!mine)
		return false;
	mine->turn = 0;
	if (!to) {
		set_slice(from, 0);
		return false;
	}
	if (count)
		__sync_fetch_and_add(&count->yields, 1);
	its = task_of(to);
	if (!its || !its->queued || its->capsule != mine->capsule || mine->capsule == 0)
		return false;
	struct ek_capsule *capsule = capsule_at(mine->capsule);
	if (!capsule)
		return false;
	capsule->yield_to = to->pid;
	set_slice(from, 0);
	return true;
}

SEC("struct_ops/ek_cpu_online")
void ek_cpu_online(u64 *ctx)
{
	struct ek_cpu *cpu = cpu_at(ctx[0]);

	if (cpu)
		cpu->online = 1;
}

SEC("struct_ops/ek_cpu_offline")
void ek_cpu_offline(u64 *ctx)
{
	struct ek_cpu *cpu = cpu_at(ctx[0]);

	if (cpu)
		cpu->online = 0;
}

/* A CPU as a scheduler finds it: what its servers hold stays, nobody is queued. */
static __noinline int begin_cpu(struct ek_cpu *cpu, u32 index)
{
	struct bpf_iter_num it;
	int *id;

	cpu->index = index;
	cpu->online = 1;
	cpu->current = 0;
	cpu->current_tid = 0;
	cpu->exhaust_armed_ns = 0;
	cpu->exhausted_at_ns = 0;
	cpu->replenish_armed_ns = 0;
	cpu->recheck_len = 0;
	cpu->ready.len = 0;
	cpu->throttled.len = 0;
	bpf_iter_num_new(&it, 0, EK_SERVERS);
	while ((id = bpf_iter_num_next(&it))) {
		struct ek_server *s = server_at(cpu, *id);
		s->state = EK_IDLE;
		s->queued = 0;
	}
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

	if (!count)
		return;
	count->exit_kind = info->kind;
	count->exit_code = info->exit_code;
	bpf_probe_read_kernel_str(count->exit_reason, sizeof(count->exit_reason), info->reason);
	bpf_probe_read_kernel_str(count->exit_message, sizeof(count->exit_message), info->msg);
}

SEC(".struct_ops.link")
struct sched_ext_ops evenkeel = {
	.select_cpu = (void *)ek_select_cpu,
	.enqueue = (void *)ek_enqueue,
	.dispatch = (void *)ek_dispatch,
	.tick = (void *)ek_tick,
	.running = (void *)ek_running,
	.stopping = (void *)ek_stopping,
	.quiescent = (void *)ek_quiescent,
	.yield = (void *)ek_yield,
	.set_cpumask = (void *)ek_set_cpumask,
	.cpu_online = (void *)ek_cpu_online,
	.cpu_offline = (void *)ek_cpu_offline,
	.init_task = (void *)ek_init_task,
	.cgroup_init = (void *)ek_cgroup_init,
	.cgroup_exit = (void *)ek_cgroup_exit,
	.cgroup_move = (void *)ek_cgroup_move,
	.cgroup_set_weight = (void *)ek_cgroup_set_weight,
	.init = (void *)ek_init,
	.exit = (void *)ek_exit,
	/* Without ENQ_LAST the kernel lets a thread run on where there is no other, budget or not; without
	 * the other two those that exit or may not migrate run past every queue. */
	.flags = SCX_OPS_ENQ_LAST | SCX_OPS_ENQ_EXITING | SCX_OPS_ENQ_MIGRATION_DISABLED,
	.timeout_ms = 30000,
	.name = "evenkeel",
};
