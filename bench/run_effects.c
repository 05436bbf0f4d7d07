/* run_effects: refuses options that change nothing.
 *
 * The inside of the room run. Whoever gives an option believes that it counts, and would believe
 * the figures, too. One that is given the value that it has anyway is not noticed.
 */
#include "bench/option.h"
#include "bench/run.h"

bool run_settings_take_effect(const struct run_settings *settings,
                              const struct run_settings *defaults)
{
    const struct load_settings *load = &settings->load, *usual = &defaults->load;
    const struct script_settings *script = &load->script;
    bool has_tls = load->target.tls || script->stls;
    bool is_lmtp = load->target.protocol == TARGET_LMTP;
    bool has_commands =
        mix_has_stage(&load->mix, STAGE_NOOP) || mix_has_stage(&load->mix, STAGE_AGAIN);
    const struct {
        bool is_idle;
        const char *sentence;
    } options[] = {
        {load->tls.authorities != NULL && !has_tls, "--ca is for TLS: write pop3s://, or --stls"},
        {load->tls.only_tls12 && !has_tls, "--tls12 is for TLS: write pop3s://, or --stls"},
        {load->tls.resumes && !has_tls, "--resume is for TLS: write pop3s://, or --stls"},
        {settings->auth_text != NULL && is_lmtp, "--auth is for POP3: LMTP has no login"},
        {script->messages != usual->script.messages && !is_lmtp,
         "--messages is for lmtp://: what a POP3 session fetches is what its maildrop holds"},
        {settings->letter_bytes != defaults->letter_bytes && !is_lmtp,
         "--message-bytes is for lmtp://: what a POP3 session fetches is what its maildrop holds"},
        {settings->arrivals_text != NULL && !load->is_open_loop,
         "--arrivals is for --rate: in a closed loop a session begins when another has ended"},
        {load->read_rate != usual->read_rate && load->slow_percent == 0,
         "--read-rate is for slow readers: say how many there are, as in --slow 10 (percent)"},
        {load->hold_ns != usual->hold_ns && !mix_has_stage(&load->mix, STAGE_HOLD),
         "--hold is for the kind hold: write --mix hold"},
        {script->commands != usual->script.commands && !has_commands,
         "--commands is for the kinds noop and retr: write --mix retr"},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i].is_idle)
            return option_complain("%s", options[i].sentence);
    return true;
}
