/**
 * @file Who may ask: nobody whose browser was talked into it by another page, and beyond this machine only those who know the token.
 *
 * A page elsewhere can make a browser send requests here, and can even make its own name resolve to 127.0.0.1 (DNS rebinding). Such requests
 * carry a foreign Host or Origin, so both must be known ones. What a proxy says of them (X-Forwarded-*) counts only where it is trusted: anybody can send it.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

/** What the guard knows. */
export interface GuardOptions {
  /** Names and addresses under which the server may be asked for, without port. */
  readonly hosts: readonly string[];
  /** Required when it is there. */
  readonly token?: string;
  /** Whether all requests pass a proxy whose X-Forwarded-Host, -Proto and -Prefix say how the page was asked for. Default: false. */
  readonly proxy?: boolean;
  /** Path below which a proxy asks, such as `/lab`; addresses without it are answered too. Default: the root. */
  readonly base?: string;
}

/** From a base that was asked for without its last slash to the page below it, relatively. */
export const withSlash = (base: string): string => `./${base.split('/').at(-1)}/`;

/** How a page was asked for in the browser. */
interface Asked {
  /** With its port, where it has one. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** Path below which the page lies, such as `/lab`; empty for the root. */
  readonly prefix: string;
}

/** @see Asked */
export function askedFor(
  header: (name: string) => string | undefined,
  { proxy = false }: Pick<GuardOptions, 'proxy'>,
): Asked {
  // Each proxy of a chain appends: what the browser asked for comes first.
  const forwarded = (name: string) => (proxy ? header(`x-forwarded-${name}`)?.split(',')[0].trim() : undefined);
  const prefix = forwarded('prefix') ?? '';
  return {
    host: forwarded('host') ?? header('host') ?? '',
    scheme: forwarded('proto')?.toLowerCase() === 'https' ? 'https' : 'http',
    prefix: isBasePath(prefix) ? prefix.replace(/\/$/, '') : '',
  };
}

/** Whether a text is a path below which pages may lie: plain segments, `/` for the root. */
export const isBasePath = (text: string): boolean =>
  /^\/([\w.~-]+(\/[\w.~-]+)*\/?)?$/.test(text) && !text.includes('..');

/** Whether a text is a name or address without a port, as it stands in the header Host. */
export const isHostName = (text: string): boolean =>
  /^([a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_.])?|\[[0-9a-f:.]+\])$/i.test(text);

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
const COOKIE = 'espalier-token';

/** Whether an address to listen on can be reached from this machine only. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** Names under which a server on `host` is this one. */
export function hostsOf(host: string): string[] {
  if (isLoopback(host)) return LOOPBACK;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return [...LOOPBACK, bracketed(host), hostname(), ...addresses.map(({ address }) => bracketed(address))].map((name) =>
    name.toLowerCase(),
  );
}

/** A token that nobody guesses. */
export const createToken = (): string => randomBytes(24).toString('base64url');

/** Headers that every answer carries: nothing is run, framed, sniffed or loaded that is not the page's own. */
export const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
} as const;

/** Refuses what must not be answered; every answer gets the {@link HEADERS} that it does not set itself. */
export function guard(options: GuardOptions): MiddlewareHandler {
  return async (context, next) => {
    const instead = refusalOf(context, options) ?? admissionOf(context, options);
    if (instead) context.res = instead;
    else await next();
    for (const [name, value] of Object.entries(HEADERS))
      if (!context.res.headers.has(name)) context.res.headers.set(name, value);
  };
}

/** The answer to a request that no page of this server makes. */
function refusalOf({ req, json }: Context, options: GuardOptions): Response | undefined {
  const { host, scheme } = askedFor((name) => req.header(name), options);
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  if (!options.hosts.includes(name)) {
    const fix = isHostName(name)
      ? `start it with hosts=${name}, or open it as it was printed`
      : 'open it as it was printed';
    return json({ error: `this name is not one of the server; ${fix}` }, 403);
  }
  const origin = req.header('origin');
  const site = req.header('sec-fetch-site') ?? 'none';
  const isForeign =
    (origin !== undefined && origin !== `${scheme}://${host}`) || !['none', 'same-origin'].includes(site);
  // A link that somebody followed here is no foreign request: nobody else sees the answer.
  const isNavigation = origin === undefined && req.header('sec-fetch-mode') === 'navigate';
  if (isForeign && !isNavigation) {
    const isBehindTls = scheme === 'http' && origin === `https://${host}`;
    const fix = isBehindTls ? '; behind a proxy with TLS start it with proxy=true' : '';
    return json({ error: `requests of other pages are refused${fix}` }, 403);
  }
  if (!['GET', 'HEAD'].includes(req.method)) return json({ error: 'the dashboard only reads' }, 405, { allow: 'GET' });
  return undefined;
}

/** The answer to a request without the token, or to one that brings it in its address. */
function admissionOf(context: Context, options: GuardOptions): Response | undefined {
  const { token, base = '' } = options;
  if (token === undefined) return undefined;
  const { scheme, prefix } = askedFor((name) => context.req.header(name), options);
  const url = new URL(context.req.url);
  const given = url.searchParams.get('token');
  if (given !== null && isEqual(given, token)) {
    // Out of the address, where it would be seen, kept and sent on.
    setCookie(context, COOKIE, token, {
      ...{ httpOnly: true, sameSite: 'Strict', path: `${prefix || base}/` },
      ...(scheme === 'https' ? { secure: true } : {}),
    });
    // Relative: the page may lie below a path that only the browser knows.
    return context.redirect(url.pathname === base ? withSlash(base) : './', 303);
  }
  const bearer = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1];
  if (isEqual(bearer ?? getCookie(context, COOKIE) ?? '', token)) return undefined;
  return context.json({ error: 'a token is needed; open the address that the server printed' }, 401);
}

/** Compares hashes, which have one length, in constant time. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);
