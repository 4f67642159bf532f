# Counts what QEMU's interrupt log (-d int -D FILE) shows as delivered, and external interrupts delivered with IF=0
# SPDX-License-Identifier: MIT
#
# QEMU 7.2 delivers an interrupt that was injected by EVENTINJ a second time, whatever IF is; nothing else does. So the last
# figure shows both a wrong injection and any other interrupt that a guest could not have taken. A delivery is one line
# (v=vector i=software) followed by the interrupted processor's registers. Vectors below 32 are exceptions, or the BIOS's
# own interrupts. With -v table=HEX the external ones through the interrupt table at that address are counted too. Prints one
# line; exit status 1 when there was an interrupt with IF=0.

/^ *[0-9]+: v=/ {
    delivery = $0
    vector = substr($2, 3)
    kind = $0 ~ / i=1 / ? "software" : vector < "20" ? "exceptions" : "external"
    count[kind]++
    next
}

kind == "external" && match($0, /RFL=[0-9a-f]+/) {
    if (substr($0, RSTART + RLENGTH - 3, 1) !~ /[2367abef]/ && count["if0"]++ < 10)
        print delivery "\n" $0
}

/^IDT=/ && kind == "external" {
    sub(/^0+/, "", $2)
    count["table"] += $2 == table
    kind = ""
}

END {
    printf "exceptions=%d software=%d external=%d%s if0=%d\n", count["exceptions"], count["software"],
        count["external"], table == "" ? "" : " table=" count["table"] + 0, count["if0"]
    exit count["if0"] > 0
}
