// A slider, a video and the cursors over the curves of one recording show the same moment.
for (const film of document.querySelectorAll('.film')) {
  const video = film.querySelector('video'), slider = film.querySelector('input');
  const shown = film.querySelector('output');
  const cursors = film.parentElement.querySelectorAll('.cursor');
  const times = JSON.parse(film.dataset.times), rate = Number(film.dataset.rate);
  const length = Number(slider.max);

  function show(seconds) {
    slider.value = seconds;
    shown.textContent = `${Number(seconds).toFixed(1)} s`;
    for (const cursor of cursors) cursor.style.left = `${100 * seconds / length}%`;
  }
  slider.addEventListener('input', () => {
    const later = times.findIndex(time => time > Number(slider.value));
    const frame = Math.max(0, (later < 0 ? times.length : later) - 1);
    video.pause();
    video.currentTime = (frame + 0.5) / rate;
    show(slider.value);
  });
  video.addEventListener('timeupdate', () => {
    if (!video.paused) show(times[Math.min(times.length - 1, Math.floor(video.currentTime * rate))]);
  });
  show(times[0]);
}
