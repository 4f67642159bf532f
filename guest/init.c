// First process of the guest: mounts, the ready line, then a shell on the console
// SPDX-License-Identifier: MIT
//
// Words of the kernel's command line that the kernel does not know arrive as environment:
// guest_run="COMMANDS" is executed before the first prompt, for runs without a keyboard. `poweroff`, `halt`
// and `reboot` are signals to process 1, as busybox sends them; nothing is written anywhere, so the end is
// immediate. No shell script does this well: a shell's background processes ignore Ctrl-C, and while it waits
// for one in the foreground it takes no signal.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    int signal;
    int how;
} ends[] = {{SIGUSR2, RB_POWER_OFF}, {SIGUSR1, (int)RB_HALT_SYSTEM}, {SIGTERM, RB_AUTOBOOT}};

static void must(const char *what, int result)
{
    if (result < 0)
        perror(what);
}

// The terminal behind /dev/console, which itself cannot control a session: the last name that the kernel
// lists.
static int open_terminal(void)
{
    char names[256] = "", path[sizeof("/dev/") + sizeof(names)];
    FILE *active = fopen("/sys/class/tty/console/active", "r");

    if (!active || !fgets(names, sizeof(names), active))
        return -1;
    names[strcspn(names, "\n")] = 0;
    const char *space = strrchr(names, ' ');
    snprintf(path, sizeof(path), "/dev/%s", space ? space + 1 : names);
    return open(path, O_RDWR);
}

static void become_shell(const char *command)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();

    const int terminal = open_terminal();
    must("init: terminal", terminal);
    must("init: controlling terminal", ioctl(terminal, TIOCSCTTY, 0));
    for (int fd = 0; fd < 3; fd++)
        dup2(terminal, fd);
    if (command)
        execl("/bin/sh", "sh", "-c", command, NULL);
    else
        execl("/bin/sh", "sh", NULL);
    must("init: /bin/sh", -1);
    _exit(1);
}

static pid_t start_shell(const char *command)
{
    const pid_t pid = fork();

    if (pid == 0)
        become_shell(command);
    return pid;
}

// Waits until that child has ended; buries all others, and obeys the signals that end the system.
static void wait_for(pid_t child, const sigset_t *signals)
{
    for (;;) {
        const int signal = sigwaitinfo(signals, NULL);

        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
            if (ends[i].signal == signal)
                must("init: reboot", reboot(ends[i].how));
        for (pid_t dead; (dead = waitpid(-1, NULL, WNOHANG)) > 0;)
            if (dead == child)
                return;
    }
}

int main(void)
{
    sigset_t signals;

    must("init: /dev", mount("dev", "/dev", "devtmpfs", 0, NULL));
    must("init: /proc", mount("proc", "/proc", "proc", 0, NULL));
    must("init: /sys", mount("sys", "/sys", "sysfs", 0, NULL));
    sigfillset(&signals);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    setenv("PS1", "guest# ", 1);
    setenv("HOME", "/root", 1);

    printf("bulkhead guest: ready, tsc=%llu\n", __builtin_ia32_rdtsc());
    fflush(stdout);
    if (getenv("guest_run"))
        wait_for(start_shell(getenv("guest_run")), &signals);
    for (;;)
        wait_for(start_shell(NULL), &signals);
}
