// Live updates and the panel behind a cell. Without this file the page works by links and reloading.
'use strict';
(() => {
  const main = document.getElementById('main');
  const panel = document.getElementById('panel');
  const live = document.getElementById('live');
  const text = document.body.dataset;
  let source = null;
  let etag = '';
  let opener = null;
  let busy = false;
  let again = false;

  const say = (on) => {
    live.textContent = on ? text.live : text.offline;
    live.className = on ? 'on' : 'off';
  };

  // Fetches the inside of <main> and exchanges the sections that differ: focus and scrolling survive.
  async function refresh() {
    if (location.pathname !== '/' && location.pathname !== '/board') return;
    if (busy) { again = true; return; }
    busy = true;
    try {
      const url = new URL(location.href);
      url.searchParams.set('part', 'main');
      const answer = await fetch(url, etag ? { headers: { 'If-None-Match': etag } } : {});
      if (answer.status === 200) {
        etag = answer.headers.get('ETag') || '';
        const fresh = document.createElement('main');
        fresh.innerHTML = await answer.text();
        exchange(fresh);
        const verdict = document.getElementById('verdict');
        if (verdict) document.title = verdict.textContent;
      }
    } catch {
      say(false);
    }
    busy = false;
    if (again) { again = false; refresh(); }
  }

  function exchange(fresh) {
    const href = document.activeElement && document.activeElement.getAttribute('href');
    const verdict = document.getElementById('verdict');
    const next = fresh.querySelector('#verdict');
    const ids = (root) => [...root.children].map((e) => e.id || e.className).join();
    if (verdict && next && ids(main) === ids(fresh)) {
      // The live region stays, so that a screen reader is told when its text changes.
      if (verdict.textContent !== next.textContent) verdict.textContent = next.textContent;
      verdict.className = next.className;
      [...fresh.children].forEach((element, i) => {
        const old = main.children[i];
        if (old !== verdict && old.outerHTML !== element.outerHTML) {
          const scroll = [...old.querySelectorAll('.scroll')].map((s) => s.scrollLeft);
          old.innerHTML = element.innerHTML;
          old.className = element.className;
          old.querySelectorAll('.scroll').forEach((s, k) => { s.scrollLeft = scroll[k] || 0; });
        }
      });
    } else {
      main.innerHTML = fresh.innerHTML;
      newestRight();
    }
    if (href && document.activeElement === document.body) {
      const again = [...main.querySelectorAll('a')].find((a) => a.getAttribute('href') === href);
      if (again) again.focus({ preventScroll: true });
    }
  }

  // On a narrow screen the newest dates are what matters.
  function newestRight() {
    main.querySelectorAll('.scroll').forEach((s) => { if (s.querySelector('.matrix')) s.scrollLeft = s.scrollWidth; });
  }

  function connect() {
    if (source || document.hidden) return;
    source = new EventSource('/events');
    source.addEventListener('open', () => { say(true); refresh(); });
    source.addEventListener('board', refresh);
    source.addEventListener('error', () => say(false));
  }

  function disconnect() {
    if (source) source.close();
    source = null;
  }

  async function open(link) {
    const url = new URL(link.href);
    url.searchParams.set('part', 'panel');
    try {
      const answer = await fetch(url);
      const body = await answer.text();
      if (!answer.ok && answer.status !== 404) throw new Error(String(answer.status));
      panel.innerHTML = '<button class="close" type="button"></button>' + body;
      panel.querySelector('.close').textContent = text.close;
      panel.hidden = false;
      opener = link.getAttribute('href');
      panel.querySelector('.close').focus();
    } catch {
      location.href = link.href;
    }
  }

  function close() {
    panel.hidden = true;
    const back = [...main.querySelectorAll('a')].find((a) => a.getAttribute('href') === opener);
    if (back) back.focus();
  }

  document.addEventListener('click', (event) => {
    if (event.target.closest('.close')) { close(); return; }
    const link = event.target.closest('.matrix td a');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(link);
  });
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape' && !panel.hidden) close(); });
  document.addEventListener('visibilitychange', () => (document.hidden ? disconnect() : connect()));
  // States also change with the clock, and a proxy may swallow events.
  setInterval(() => { if (!document.hidden) refresh(); }, 30000);
  newestRight();
  connect();
})();
