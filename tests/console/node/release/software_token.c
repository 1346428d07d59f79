/* A FIDO token in software, as OpenSSH loads one (PROTOCOL.u2f, sk-api.h): the key handle is the secret, and a program
 * that the environment names does the arithmetic. For tests alone: it proves nothing about who is there. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct sk_option;
struct sk_enroll_response;
struct sk_resident_key;

struct sk_sign_response {
    uint8_t flags;
    uint32_t counter;
    uint8_t *sig_r;
    size_t sig_r_len;
    uint8_t *sig_s;
    size_t sig_s_len;
};

enum { UNSUPPORTED = -2, GENERAL = -1, COUNTER = 41 };

uint32_t sk_api_version(void) { return API_VERSION; }

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
              const char *pin, struct sk_option **options, struct sk_enroll_response **response) {
    return UNSUPPORTED;
}

int sk_load_resident_keys(const char *pin, struct sk_option **options, struct sk_resident_key ***keys, size_t *count) {
    return UNSUPPORTED;
}

static void write_hex(FILE *file, const uint8_t *bytes, size_t length) {
    for (size_t at = 0; at < length; at++)
        fprintf(file, "%02x", bytes[at]);
    fputc('\n', file);
}

static size_t read_hex(FILE *file, uint8_t **bytes) {
    char line[512];
    size_t length = 0;
    unsigned int byte;
    if (fgets(line, sizeof line, file) == NULL)
        return 0;
    *bytes = calloc(1, sizeof line / 2);
    while (*bytes != NULL && sscanf(line + 2 * length, "%2x", &byte) == 1)
        (*bytes)[length++] = byte;
    return length;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *key_handle,
            size_t key_handle_len, uint8_t flags, const char *pin, struct sk_option **options,
            struct sk_sign_response **response) {
    char command[1024], path[] = "/tmp/upgrade-console-token-XXXXXX";
    const char *signer = getenv("SOFTWARE_TOKEN_SIGNER");
    int descriptor = mkstemp(path);
    FILE *asked = descriptor < 0 ? NULL : fdopen(descriptor, "w"), *answer;
    struct sk_sign_response *made = calloc(1, sizeof *made);
    if (signer == NULL || asked == NULL || made == NULL)
        return GENERAL;
    made->flags = flags;
    made->counter = COUNTER;
    fprintf(asked, "%u\n%u\n%u\n%s\n", alg, made->flags, made->counter, application);
    write_hex(asked, key_handle, key_handle_len);
    write_hex(asked, data, data_len);
    fclose(asked);
    snprintf(command, sizeof command, "%s %s", signer, path);
    answer = popen(command, "r");
    if (answer == NULL)
        return GENERAL;
    made->sig_r_len = read_hex(answer, &made->sig_r);
    made->sig_s_len = read_hex(answer, &made->sig_s);
    remove(path);
    if (pclose(answer) != 0 || made->sig_r_len == 0)
        return GENERAL;
    *response = made;
    return 0;
}
