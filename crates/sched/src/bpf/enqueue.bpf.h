/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread wants a CPU: which queue it waits in, with which key, which servers that wakes, and which
 * CPU is told to look.
 */
#ifndef EVENKEEL_ENQUEUE_BPF_H
#define EVENKEEL_ENQUEUE_BPF_H

/* A waking thread preempts one of best effort that is ahead of it by this in virtual time: a third of
 * a turn. Threads that wake each other all the time stay closer together, and a switch for each of
 * their messages would cost more than it gives. */
#define WAKE_LAG_NS 1000000
/* ... and who has just begun goes on for this: a turn of a few microseconds serves nobody. The fair
 * class protects its turns of 0.7 ms and more in the same way (RUN_TO_PARITY). */
#define RUN_MIN_NS 700000

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

	if (without(EK_WITHOUT_PINNED))
		return -1;
	if (task->fit == 1 && task->fit_generation == capsule->generation && p->migration_disabled <= 1)
		return -1;
	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		u32 cpu = *index;
		if (!in_mask(capsule, cpu))
			continue;
		struct ek_cpu *at = cpu_at(cpu);
		if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
			all = false;
		else if (at && is_usable(at) && (any < 0 || cpu == here))
			any = cpu;
	}
	bpf_iter_num_destroy(&it);
	/* Nowhere, or on CPUs that are offline only: whoever waited for them would wait for ever. */
	if (any < 0)
		return -2;
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
	u64 ageing = without(EK_WITHOUT_AGEING) ? 1ULL << 58 : settings.ageing_ns;

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

/* E1 on every CPU of the capsule, and one of them told to look; not `here` where a thread gives way:
 * that CPU looks anyhow, and if it takes somebody else an idle one must not miss what it left. */
VERIFIED_ONCE int ek_wake_all(u32 id, u32 level, u32 here, u32 gives_way)
{
	struct ek_capsule *capsule = capsule_at(id);
	u64 t = now();
	u32 best = 0, best_cpu = 0;
	struct bpf_iter_num it;
	int *index;

	if (!capsule)
		return 0;
	bpf_iter_num_new(&it, 0, settings.cpus);
	while ((index = bpf_iter_num_next(&it))) {
		u32 at = *index;
		if (!in_mask(capsule, at))
			continue;
		struct ek_cpu *cpu = cpu_at(at);
		if (!cpu || !cpu->online)
			continue;
		wake(cpu, id, t);
		if (gives_way && at == here)
			continue;
		u32 claim = claim_on(cpu, id, level) * 2 + (at == here);
		if (claim > 1 && claim > best) {
			best = claim;
			best_cpu = at;
		}
	}
	bpf_iter_num_destroy(&it);
	/* The last of its CPUs went while the thread was on its way. */
	if (best == 0 && !ek_has_cpu(id)) {
		WRITE_ONCE(orphaned, 1);
		scx_bpf_kick_cpu(bpf_get_smp_processor_id(), SCX_KICK_PREEMPT);
	}
	struct ek_cpu *cpu = cpu_at(best_cpu);
	if (cpu)
		kick_for(cpu, best / 2);
	return 0;
}

/* An arrival, where it is one: what comes back after its turn was there all the time. */
static __always_inline void note_wake(struct ek_cpu *cpu, u64 t, struct task_struct *p,
				      struct task *task, u64 flags)
{
	if ((flags & SCX_ENQ_WAKEUP) || task->is_new)
		note(cpu, t, SERVER_EVENT(task->capsule, EK_EV_WAKE), 0, TID_LEVEL(p, task));
	task->is_new = 0;
}

/* It ran until now and is queued because it must give way. */
static __always_inline bool gives_way(struct ek_cpu *cpu, struct task_struct *p)
{
	return cpu->left_runnable && cpu->left_tid == (u32)p->pid;
}

/* A thread of `capsule` is in a queue that was chosen by what is no longer true. */
static __always_inline void went_astray(struct ek_capsule *capsule, s32 home)
{
	struct ek_cpu *cpu = cpu_at(home);

	if (home < 0) {
		__sync_fetch_and_add(&capsule->strays, 1);
		WRITE_ONCE(orphaned, 1);
		kick_all(NULL);
	} else if (cpu) {
		WRITE_ONCE(cpu->orphans, 1);
		kick(cpu, SCX_KICK_PREEMPT);
	}
}

static __noinline bool enqueue_capsule(struct task_struct *p, struct task *task, u64 flags)
{
	u32 id = task->capsule, here = scx_bpf_task_cpu(p);
	struct ek_capsule *capsule = capsule_at(id);
	u64 t = now();
	s32 home;

	if (!capsule || capsule->state != EK_ACTIVE || capsule->period_ns == 0)
		return false;
	u32 generation = READ_ONCE(capsule->generation);
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
		ek_wake_all(id, task->level, here, gives_way(cpu, p));
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
	/* The capsule moved while the thread was on its way: it may wait where nobody serves it. */
	if (READ_ONCE(capsule->generation) != generation)
		went_astray(capsule, home);
	return true;
}

static __always_inline void enqueue_kthread(struct task_struct *p, struct task *task,
					    struct ek_cpu *cpu)
{
	u64 t = now();

	task->turn = settings.slice_ns;
	count_queued(task, EK_KTHREADS, cpu->index, cpu);
	insert(p, DSQ_KTHREADS(cpu->index), settings.slice_ns);
	if (cpu->current == 0) {
		kick(cpu, SCX_KICK_IDLE);
	} else if (cpu->current == EK_BEST_EFFORT) {
		kick(cpu, SCX_KICK_PREEMPT);
	} else if (cpu->current != EK_KTHREADS) {
		wake(cpu, EK_KTHREADS, t);
		kick_for(cpu, claim_on(cpu, EK_KTHREADS, 0));
	}
	if (timers_were_left(cpu))
		kick(cpu, SCX_KICK_PREEMPT);
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
	place_by_group(group, task, false);
	bpf_cgroup_release(group);
}

/* `task` has woken beside another one of best effort. */
static __always_inline void preempt_for(struct ek_cpu *cpu, struct task *task, u64 t)
{
	u64 since = cpu->current_since_ns, ran = t - since;
	u64 turn = ran < RUN_MIN_NS ? RUN_MIN_NS : ran;

	if ((s64)(cpu->current_vtime + turn - task->vtime) <= WAKE_LAG_NS)
		return;
	if (ran >= RUN_MIN_NS)
		kick(cpu, SCX_KICK_PREEMPT);
	else if (bpf_get_smp_processor_id() == cpu->index)
		end_at(cpu, since + RUN_MIN_NS);
}

static __noinline int enqueue_best_effort(struct task_struct *p, struct task *task,
					  struct ek_cpu *cpu, u64 flags)
{
	bool woken = flags & SCX_ENQ_WAKEUP, turn_is_over = task->turn < TURN_MIN_NS;
	bool ahead = (s64)(task->vtime - vtime_now) > (s64)settings.slice_ns;
	/* Only who may have to wait long asks how many there are: it takes a look-up. */
	u64 crowd = ahead || turn_is_over ? scx_bpf_dsq_nr_queued(DSQ_BEST_EFFORT) : 0;
	bool pinned = p->nr_cpus_allowed < settings.cpus || p->migration_disabled > 1;
	u64 t = now();

	refresh_weight(p, task);
	if (woken || turn_is_over)
		task->turn = turn_of(settings.slice_ns, crowd, settings.floor_percent * 10);
	next_vtime(task, crowd);
	if (pinned)
		count_queued(task, EK_BEST_EFFORT, cpu->index, cpu);
	insert_by_key(p, pinned ? DSQ_BEST_EFFORT_CPU(cpu->index) : DSQ_BEST_EFFORT, task->turn,
		      task->vtime, flags);
	if (cpu->current == 0) {
		kick(cpu, SCX_KICK_IDLE);
	} else if (cpu->current == EK_BEST_EFFORT) {
		if (woken)
			preempt_for(cpu, task, t);
	} else if (cpu->current != EK_KTHREADS && !without(EK_WITHOUT_FLOOR)) {
		wake(cpu, EK_BEST_EFFORT, t);
		kick_for(cpu, claim_on(cpu, EK_BEST_EFFORT, 0));
	}
	/* Whoever wakes has just looked for an idle CPU; but its own may be busy with threads that outrank
	 * sched_ext. */
	if (!pinned && (!woken || cpu->current == 0)) {
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
	if (!task->capsule || !enqueue_capsule(p, task, flags)) {
		if (is_percpu_kthread(p))
			enqueue_kthread(p, task, cpu);
		else
			enqueue_best_effort(p, task, cpu, flags);
	}
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

#endif
