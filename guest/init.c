// First process of the guest: mounts, the ready line, then a shell on the console
// SPDX-License-Identifier: MIT
//
// Words of the kernel's command line that the kernel does not know arrive as environment:
// guest_run="COMMANDS" is executed before the first prompt, for runs without a keyboard. `poweroff`, `halt`
// and `reboot` are signals to process 1, as busybox sends them. The power button is the same as `poweroff`.
// Drivers are modules, loaded in the order of their names. Nothing is written anywhere but to what the user
// mounted, which is synchronized first. No shell script does this well: a shell's background processes ignore
// Ctrl-C, and while it waits for one in the foreground it takes no signal.

#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
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

static int is_module(const struct dirent *entry)
{
    return strstr(entry->d_name, ".ko") != NULL;
}

static void load_modules(const char *folder)
{
    struct dirent **entry;
    const int count = scandir(folder, &entry, is_module, alphasort);

    must("init: modules", count);
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", folder, entry[i]->d_name);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        must(path, (int)syscall(SYS_finit_module, fd, "", 0));
        close(fd);
    }
}

// A process of its own: the first one waits for signals alone.
static void watch_power_button(void)
{
    struct input_event event;
    const int fd = open("/dev/input/event0", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fork() != 0) {
        close(fd);
        return;
    }
    while (read(fd, &event, sizeof(event)) == sizeof(event))
        if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1)
            kill(1, SIGUSR2);
    _exit(0);
}

// Waits until that child has ended; buries all others, and obeys the signals that end the system.
static void wait_for(pid_t child, const sigset_t *signals)
{
    for (;;) {
        const int signal = sigwaitinfo(signals, NULL);

        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
            if (ends[i].signal == signal) {
                sync();
                must("init: reboot", reboot(ends[i].how));
            }
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
    load_modules("/lib/modules");
    watch_power_button();
    setenv("PS1", "guest# ", 1);
    setenv("HOME", "/root", 1);

    printf("bulkhead guest: ready, tsc=%llu\n", __builtin_ia32_rdtsc());
    fflush(stdout);
    if (getenv("guest_run"))
        wait_for(start_shell(getenv("guest_run")), &signals);
    for (;;)
        wait_for(start_shell(NULL), &signals);
}
