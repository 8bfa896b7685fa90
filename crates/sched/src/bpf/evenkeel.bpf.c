/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler: hard constant bandwidth servers, one for each capsule on each of its CPUs, earliest
 * deadline first among those of a CPU; inside a capsule the threads of the most urgent level first,
 * on as many CPUs as it has budget on. What is in no capsule shares what is left by weight, and has
 * a server of its own for its floor; the CPU's own kernel threads come before it.
 *
 *   enqueue ---> queue of the capsule (any of its CPUs) or of (capsule, CPU); wakes servers (E1)
 *   dispatch --> charge (E3, E4), replenish (E5, E6), first ready server (E2) -> its first thread
 *   switch ----> one account ends, the next begins
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
#include "charge.bpf.h"
#include "enqueue.bpf.h"
#include "dispatch.bpf.h"
#include "begin.bpf.h"

char _license[] SEC("license") = "GPL";

#define AT(field, offset) \
	_Static_assert(__builtin_offsetof(struct sched_ext_ops, field) == (offset), "evenkeel.h")
AT(cpu_online, EK_OPS_CPU_ONLINE_AT);
AT(cpu_offline, EK_OPS_CPU_OFFLINE_AT);
AT(flags, EK_OPS_FLAGS_AT);
AT(timeout_ms, EK_OPS_TIMEOUT_AT);

SEC("struct_ops/ek_running")
void ek_running(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct task *task = task_of(p);
	struct ek_cpu *cpu = cpu_at(cpu_of(p));
	u64 t = now();

	if (!task || !cpu)
		return;
	u32 queued_server = task->queued ? task->queued_server : 0;
	uncount_queued(task);
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
	arm_end(cpu, task, t);
	/* What it ran in another class is not charged. */
	if (cpu->left_tid == (u32)p->pid || is_on_cpu(cpu, p))
		end_switch(cpu, t);
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
	struct ek_cpu *cpu = cpu_at(cpu_of(p));
	u64 t = now();
	u32 id, event = 0;

	if (!task || !cpu)
		return;
	id = task->server;
	/* 0: it has run since before we were loaded. What is in a capsule is charged when the switch is
	 * over; the others compete by what they have had until now. */
	if (id >= EK_KTHREADS)
		settle(cpu, p, task, t);
	cpu->current = 0;
	cpu->current_tid = 0;
	cpu->exhausted_at_ns = 0;
	leave_behind(cpu, p, task, runnable);
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

/* The moment at which a CPU passes from one thread to the next, as the kernel's trace has it: where
 * the account of one ends and that of the other begins, whatever class they are of. */
SEC("tp_btf/sched_switch")
int ek_switch(u64 *ctx)
{
	struct task_struct *next = (void *)ctx[2];
	struct ek_cpu *cpu = cpu_at(bpf_get_smp_processor_id());
	u64 t = now();

	if (!cpu)
		return 0;
	/* Its budget ends later by what the switch took; the timer, which is set, looks again then. */
	if (cpu->current_tid == (u32)next->pid && cpu->exhausted_at_ns)
		cpu->exhausted_at_ns += t - cpu->current_since_ns;
	end_switch(cpu, t);
	return 0;
}

/* A thread leaves our class, and may go on running: its account ends here. */
SEC("struct_ops/ek_disable")
void ek_disable(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct ek_cpu *cpu = cpu_at(cpu_of(p));

	if (cpu && cpu->left_tid == (u32)p->pid && is_on_cpu(cpu, p))
		end_switch(cpu, now());
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
	struct ek_cpu *cpu = cpu_at(cpu_of(p));
	u64 t = now();

	if (!task || !cpu || !task->server)
		return;
	settle(cpu, p, task, t);
	replenish_due(cpu, t);
	if (ek_look_for_cpus())
		kick_all(cpu);
	if (without(EK_WITHOUT_TIMER))
		return;
	if ((task->server < EK_KTHREADS && server_at(cpu, task->server)->state == EK_THROTTLED) ||
	    is_beaten(cpu) || has_timer_near(cpu, t))
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

	if (!mine || without(EK_WITHOUT_YIELD))
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
	.disable = (void *)ek_disable,
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
